"""The reload buffer: the output of handlers after the notebook's page has been reloaded.

A front end drops the output of executions that it did not request, and after a reload it has requested none. But a page
restores widgets with their contents. So each cell that started something gets an empty, invisible widget, which is
filled only when another page than the one that ran the cell is open.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any

from zefnb.core.execution import current_execution
from zefnb.notebook.widgets.child_models import close_child_models

# `kernel_info_request` is not among them, because the Jupyter server sends it, too, with sessions of its own.
_REQUESTS_OF_PAGES = ("execute_request", "comm_open", "comm_msg", "comm_info_request")


class ReloadBuffer:
    """The widgets of a kernel's cells, and the pages that use the kernel."""

    def __init__(self, shell: Any, started_something: Callable[[str], bool]) -> None:
        self._shell = shell
        self._started_something = started_something
        self._widgets: dict[str, Any] = {}
        # The sessions of the pages, in the order of their first requests.
        self._pages: dict[str, None] = {}
        self._handlers: dict[str, Any] = {}

    def open(self) -> None:
        """Observe the requests of pages and the end of cells."""
        handlers = self._shell.kernel.shell_handlers
        self._handlers = {kind: handlers[kind] for kind in _REQUESTS_OF_PAGES if kind in handlers}
        for kind, handler in self._handlers.items():
            handlers[kind] = partial(self._on_request, handler)
        self._shell.events.register("post_run_cell", self._ran)

    def close(self) -> None:
        """Stop observing, and close the widgets."""
        self._shell.events.unregister("post_run_cell", self._ran)
        self._shell.kernel.shell_handlers.update(self._handlers)
        for widget in self._widgets.values():
            _close(widget)

    def _on_request(self, handler: Callable[..., Any], stream: Any, ident: Any, parent: Any) -> Any:
        """Record the page of a request, and handle the request."""
        self._pages.setdefault(parent["header"].get("session"))
        return handler(stream, ident, parent)

    def _is_replaced(self, page: Any) -> bool:
        """Whether another page has opened since. Both can be open, and then both show the widget."""
        return bool(self._pages) and page != next(reversed(self._pages))

    def _ran(self, result: Any = None) -> None:
        """Show a widget under a cell that has run, if the cell started something and its front end has cells."""
        execution = current_execution()
        if execution is None or not self._shell.kernel.get_parent().get("metadata", {}).get("cellId"):
            return
        old = self._widgets.pop(execution.cell, None)
        if old is not None:
            _close(old)
        if self._started_something(execution.cell) and find_spec("ipywidgets") is not None:
            self._widgets[execution.cell] = _shown_widget()

    def widget_for(self, cell: str, header: dict[str, Any]) -> Any:
        """Return the widget for the output of `cell`, or `None` unless another page has opened since its run."""
        return self._widgets.get(cell) if self._is_replaced(header.get("session")) else None

    def view(self, cell: str) -> dict[str, Any] | None:
        """Return the data that displays the widget of `cell`, if it has one."""
        widget = self._widgets.get(cell)
        return None if widget is None else _view_of(widget)


def _close(widget: Any) -> None:
    close_child_models(widget)
    widget.close()


def _shown_widget() -> Any:
    import ipywidgets  # type: ignore[import-untyped]
    from IPython.display import display

    widget = ipywidgets.Output(layout={"margin": "0"})
    display(_view_of(widget), raw=True)  # type: ignore[no-untyped-call]
    return widget


def _view_of(widget: Any) -> dict[str, Any]:
    view = {"model_id": widget.model_id, "version_major": 2, "version_minor": 0}
    # The plain text is empty, so that a front end without widgets shows nothing.
    return {"application/vnd.jupyter.widget-view+json": view, "text/plain": ""}
