"""Output in marimo: the lines of handlers, and faults, under the cell that started their server or actor.

marimo replaces `sys.stdout` while a cell runs, and restores it afterwards. A handler can print at any time, so both
streams are routed: each gets a `write` that first checks whether a handler of a cell writes. A fault without a cell is
printed where marimo itself prints: in the terminal in which it was started.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

from zefnb.core import marimo
from zefnb.engine.side_thread import SideThread
from zefnb.notebook.output.batches import Batches, Place
from zefnb.notebook.output.fault_lines import Faults
from zefnb.notebook.output.handlers import handlers_cell
from zefnb.notebook.output.printed import Log

_HINT = "FX.QueryLog(level='error') has the traceback"
_NAMES = ("stdout", "stderr")


class Output:
    """The output of handlers in all marimo notebooks of this process."""

    def __init__(self) -> None:
        # The page may be slow to read, so that a write to it can block.
        self._sender = SideThread("zefnb-marimo")
        self._batches = Batches(_send, self._call_later)
        self._log = Log()
        self._faults = Faults(self._show, lambda: _HINT)
        self._routed: list[Any] = []

    def open(self) -> None:
        """Begin to route output and to show faults."""
        marimo.on_run += [self._faults.begin, self._route_all]
        self._faults.open()
        self._route_all()

    def close(self) -> None:
        """Stop routing output and showing faults."""
        for call in (self._faults.begin, self._route_all):
            marimo.on_run.remove(call)
        self._faults.close()
        for stream in self._routed:
            vars(stream).pop("write", None)
        self._routed = []

    def _route_all(self, cell: str = "") -> None:
        """Route the streams of the running cell, and those outside of cells. Each session has streams of its own."""
        for name in _NAMES:
            for stream in (getattr(sys, name), getattr(sys, f"__{name}__"), getattr(marimo.context(), name, None)):
                if stream is not None and not any(stream is routed for routed in self._routed):
                    self._route(name, stream)

    def _route(self, name: str, stream: Any) -> None:
        plain = stream.write

        def write(text: str) -> Any:
            return len(text) if self._take(name, text) else plain(text)

        stream.write = write
        self._routed.append(stream)

    def _take(self, name: str, text: str) -> bool:
        """Route `text` if a handler wrote it. Return whether it did."""
        cell = handlers_cell()
        if cell is None or not isinstance(text, str) or marimo.place_of(cell) is None:
            return False
        self._log.written(name, text)
        self._batches.put(cell, name, text)
        return True

    def _show(self, cell: str | None, text: str) -> None:
        """Show a line of zefnb under a cell, or else in the terminal."""
        if cell is not None and marimo.place_of(cell) is not None:
            self._batches.put(cell, "stderr", text)
        elif sys.__stderr__ is not None:
            sys.__stderr__.write(text)

    def _call_later(self, seconds: float, call: Callable[[], None]) -> None:
        self._sender.put(partial(time.sleep, seconds))
        self._sender.put(call)


def _send(place: Place, name: str, text: str) -> None:
    """Send a text to the page of a cell, as marimo's own threads do."""
    found = marimo.place_of(place)
    if found is None:
        return
    # By name, so that type checkers need no marimo.
    made = {name: import_module(f"marimo._messaging.{name}") for name in ("cell_output", "notification")}
    output = getattr(made["cell_output"].CellOutput, name)(text)
    notification = made["notification"].CellNotification(cell_id=found.cell, console=output)
    import_module("marimo._messaging.notification_utils").broadcast_notification(notification, found.stream)
