"""After a reload: output under its cell where the page no longer knows the cell's execution.

A front end drops what is sent for an execution that it did not ask for, and after a reload it has asked
for none. A widget, though, comes back with what it holds. So a cell that started something gets one,
empty and invisible; it is filled only when a page has come that did not run the cell.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any

from zefnb.core.execution import current_execution
from zefnb.notebook.output.widget_outputs import Stored, add_output
from zefnb.notebook.widgets.child_models import close_child_models

# The server that stands between asks for the kernel's info, too, under sessions of its own.
_ASKED_BY_PAGES = ("execute_request", "comm_open", "comm_msg", "comm_info_request")


class ReloadBuffer:
    """The widgets of a kernel's cells, and whether a new page has come."""

    def __init__(self, shell: Any, started_something: Callable[[str], bool]) -> None:
        self._shell = shell
        self._started_something = started_something
        self._widgets: dict[str, Any] = {}
        # In the order in which they came, by the sessions under which they ask.
        self._pages: dict[str, None] = {}
        self._handlers: dict[str, Any] = {}

    def open(self) -> None:
        """Begin."""
        handlers = self._shell.kernel.shell_handlers
        self._handlers = {kind: handlers[kind] for kind in _ASKED_BY_PAGES if kind in handlers}
        for kind, handler in self._handlers.items():
            handlers[kind] = partial(self._page_asks, handler)
        self._shell.events.register("post_run_cell", self._ran)

    def close(self) -> None:
        """End it."""
        self._shell.events.unregister("post_run_cell", self._ran)
        self._shell.kernel.shell_handlers.update(self._handlers)
        for widget in self._widgets.values():
            _close(widget)

    def _page_asks(self, handler: Callable[..., Any], stream: Any, ident: Any, parent: Any) -> Any:
        """A page asks for something, perhaps one that has just come."""
        self._pages.setdefault(parent["header"].get("session"))
        return handler(stream, ident, parent)

    def _is_gone(self, page: Any) -> bool:
        """Whether another page has come since; both may be there, and then a widget is shown by both."""
        return bool(self._pages) and page != next(reversed(self._pages))

    def _ran(self, result: Any = None) -> None:
        """A cell has run: give it its widget, if it has things and its front end knows cells."""
        execution = current_execution()
        if execution is None or not self._shell.kernel.get_parent().get("metadata", {}).get("cellId"):
            return
        old = self._widgets.pop(execution.cell, None)
        if old is not None:
            _close(old)
        if self._started_something(execution.cell) and find_spec("ipywidgets") is not None:
            self._widgets[execution.cell] = _shown_widget()

    def takes(self, cell: str, header: dict[str, Any], output: Stored) -> bool:
        """Show `output` in the widget of `cell`, when the page that ran the cell is gone."""
        widget = self._widgets.get(cell)
        if widget is None or not self._is_gone(header.get("session")):
            return False
        add_output(widget, output)
        return True


def _close(widget: Any) -> None:
    close_child_models(widget)
    widget.close()


def _shown_widget() -> Any:
    import ipywidgets  # type: ignore[import-untyped]
    from IPython.display import display

    widget = ipywidgets.Output(layout={"margin": "0"})
    view = {"model_id": widget.model_id, "version_major": 2, "version_minor": 0}
    # Without text: where there are no widgets nothing is to be seen.
    display({"application/vnd.jupyter.widget-view+json": view, "text/plain": ""}, raw=True)  # type: ignore[no-untyped-call]
    return widget
