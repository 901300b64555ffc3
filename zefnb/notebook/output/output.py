"""The output of handlers, under the cell that started their server or actor, and in the log.

A handler can print from any thread, at any time, long after its cell has ended. The actor or the server whose handler
runs determines the cell, and the latest execution of that cell determines where the output goes. In a kernel each piece
is sent with the header of that execution as its parent, by which a front end finds the cell. In a terminal, IPython's
prompt stays intact by its own means.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from zefnb.core.execution import current_execution
from zefnb.engine.cells import current_owner, current_server
from zefnb.notebook.output.batches import Batches, Place
from zefnb.notebook.output.captures import Captures, capturing
from zefnb.notebook.output.displays import route_displays, unroute_displays
from zefnb.notebook.output.fault_lines import Faults
from zefnb.notebook.output.handlers import handlers_cell, runtime
from zefnb.notebook.output.printed import Log
from zefnb.notebook.output.reload_buffer import ReloadBuffer
from zefnb.notebook.output.streams import route, unroute
from zefnb.notebook.output.widget_outputs import Stored, add_output, clear_outputs

_REMEMBERED_CELLS = 1_000
_RED, _PLAIN = "\x1b[31m", "\x1b[0m"


def _has_started_something(cell: str) -> bool:
    running = runtime()
    return running is not None and running.cells.has_made(cell)


class KernelOutput:
    """Routes the kernel's `stdout` and `stderr`: it sends the output of handlers to their cells.

    The streams remain the same objects, because other code has references to them. Other output is unchanged.
    """

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._kernel = shell.kernel
        self._headers: dict[str, dict[str, Any]] = {}
        self._batches = Batches(self._send, self._call_later)
        self.on_run: Callable[[str], None] | None = None
        self._log = Log()
        self._streams = {name: getattr(sys, name) for name in ("stdout", "stderr")}
        self._reload_buffer = ReloadBuffer(shell, _has_started_something)
        self._captures = Captures()
        # The cells whose outputs, and the widget with them, the next output removes.
        self._without_widget: set[str] = set()

    def open(self) -> None:
        """Begin to route the streams and the displays."""
        for name, stream in self._streams.items():
            route(stream, partial(self._take, name), self._flush_soon)
        route_displays(self._shell.display_pub, self)
        self._shell.events.register("pre_run_cell", self._runs)
        # Each cell can load ipywidgets.
        self._shell.events.register("post_run_cell", self._captures.open)
        self._reload_buffer.open()
        self._runs()

    def close(self) -> None:
        """Restore the streams."""
        self._reload_buffer.close()
        self._shell.events.unregister("pre_run_cell", self._runs)
        self._shell.events.unregister("post_run_cell", self._captures.open)
        self._captures.close()
        unroute_displays(self._shell.display_pub)
        for stream in self._streams.values():
            unroute(stream)

    def _runs(self, info: Any = None) -> None:
        """Make this execution the destination of the cell's output, when a cell begins to run."""
        execution = current_execution()
        if execution is None:
            return
        self._headers.pop(execution.cell, None)
        self._without_widget.discard(execution.cell)
        self._headers[execution.cell] = self._kernel.get_parent()["header"]
        if self.on_run is not None:
            self.on_run(execution.cell)
        if len(self._headers) > _REMEMBERED_CELLS:
            del self._headers[next(iter(self._headers))]

    def _take(self, name: str, text: str) -> bool:
        """Route `text` if a handler wrote it. Return whether it did."""
        cell = handlers_cell()
        if cell is None or cell not in self._headers or not isinstance(text, str):
            return False
        self._log.written(name, text)
        self._batches.put(capturing() or cell, name, text)
        return True

    def own_header(self) -> dict[str, Any] | None:
        """Return the header for the cell of the running handler, if there is one."""
        cell = handlers_cell()
        return None if cell is None else self._headers.get(cell)

    def take_display(self, output: Stored) -> bool:
        """Add a display of a handler to a widget, if it belongs into one. Return whether it does."""
        widget = self._widget_for_displays()
        if widget is not None:
            add_output(widget, output)
        return widget is not None

    def clear_displays(self, wait: bool) -> bool:
        """Clear the widget of a handler's displays, if they are in one. Return whether they are."""
        widget = self._widget_for_displays()
        if widget is not None:
            clear_outputs(widget, wait)
        return widget is not None

    def displayed(self) -> None:
        """Show the widget of the cell again, if this display has removed it."""
        self._show_widget_again(handlers_cell())

    def cleared(self, wait: bool) -> None:
        """Show the widget of the cell again, which the front end removes with all other outputs."""
        cell = handlers_cell()
        if cell is not None and cell in self._headers:
            self._without_widget.add(cell)
            if not wait:
                self._show_widget_again(cell)

    def _show_widget_again(self, cell: str | None) -> None:
        if cell is None or cell not in self._without_widget:
            return
        self._without_widget.discard(cell)
        view, header = self._reload_buffer.view(cell), self._headers.get(cell)
        if view is not None and header is not None:
            self._publish("display_data", {"data": view, "metadata": {}, "transient": {}}, header)

    def _widget_for_displays(self) -> Any:
        """Return the widget that the running handler's displays belong into, with all that was printed before."""
        cell = handlers_cell()
        if cell is None:
            return None
        widget, header = capturing(), self._headers.get(cell)
        if widget is None and header is not None:
            widget = self._reload_buffer.widget_for(cell, header)
        if widget is not None:
            self._batches.end_lines()
            self._batches.flush()
        return widget

    def _flush_soon(self) -> bool:
        """Schedule a flush. Return whether a handler or the loop called: they must not wait for the kernel's thread."""
        if self._batches.end_lines():
            self._io.schedule(self._batches.flush)
        return current_owner.get() is not None or current_server.get() is not None

    @property
    def _io(self) -> Any:
        return self._streams["stdout"].pub_thread

    def _call_later(self, seconds: float, call: Callable[[], None]) -> None:
        """Schedule a call in the kernel's thread for output."""
        io = self._io
        io.schedule(lambda: io.io_loop.call_later(seconds, call))

    def show(self, cell: str | None, text: str) -> None:
        """Show a line of zefnb under a cell. Without a cell the kernel chooses one."""
        if cell is not None and cell in self._headers:
            self._batches.put(cell, "stderr", text)
        else:
            self._streams["stderr"].write(text)

    def _send(self, place: Place, name: str, text: str) -> None:
        """Send a text to a cell, with the header of its latest execution, or to a widget."""
        output = {"output_type": "stream", "name": name, "text": text}
        if not isinstance(place, str):
            add_output(place, output)
            return
        header = self._headers.get(place)
        if header is None:
            return
        widget = self._reload_buffer.widget_for(place, header)
        if widget is not None:
            add_output(widget, output)
            return
        self._publish("stream", {"name": name, "text": text}, header, f"stream.{name}")
        self._show_widget_again(place)

    def _publish(self, kind: str, content: dict[str, Any], header: dict[str, Any], ident: str = "") -> None:
        session = self._streams["stdout"].session
        message = session.msg(kind, content, parent=header)
        session.send(self._io, message, ident=(ident or kind).encode())


class Output:
    """The output routing of a shell: opened once, by `from zefnb import *` or `%load_ext zefnb`."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self.kernel = KernelOutput(shell) if _is_routable(shell) else None
        self._faults = Faults(self.kernel.show if self.kernel else _to_terminal, self._hint)
        if self.kernel is not None:
            self.kernel.on_run = self._faults.begin

    def open(self) -> None:
        """Begin to route output and to show faults."""
        if self.kernel is not None:
            self.kernel.open()
        self._faults.open()

    def close(self) -> None:
        """Stop routing output and showing faults."""
        if self.kernel is not None:
            self.kernel.close()
        self._faults.close()

    def _hint(self) -> str:
        loaded = "zef" in self._shell.magics_manager.magics["line"]
        return "%zef faults shows the traceback" if loaded else "FX.QueryLog(level='error') has the traceback"


def _is_routable(shell: Any) -> bool:
    """Whether these are the streams of a kernel, which other code can have replaced."""
    return getattr(shell, "kernel", None) is not None and hasattr(sys.stdout, "pub_thread")


def _to_terminal(cell: str | None, text: str) -> None:
    """Write a line in red to `stderr`, as a notebook highlights `stderr`, too."""
    sys.stderr.write(f"{_RED}{text.rstrip()}{_PLAIN}\n")
    sys.stderr.flush()
