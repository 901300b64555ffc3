"""Ahead: what the first server needs is loaded while the user reads what the first cell has said.

A server's code takes some 100 ms to load. Whoever brings zefnb into a notebook is about to start one, so it is
loaded in a thread of its own once that cell has run; the first server then starts as quickly as the next.
"""

from __future__ import annotations

import contextlib
import importlib
import threading
from typing import Any

_NEEDED = ("zefnb.engine.perform", "zefnb.topics.hub", "zefnb.net.http.servers")


class Preloader:
    """Waits for the end of the cell that runs now, and loads."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._waits = False

    def open(self) -> None:
        """Begin."""
        self._waits = True
        self._shell.events.register("post_run_cell", self._ran)

    def close(self) -> None:
        """Do nothing any more; what is being loaded is loaded."""
        if self._waits:
            self._waits = False
            self._shell.events.unregister("post_run_cell", self._ran)

    def _ran(self, result: Any = None) -> None:
        self.close()
        threading.Thread(target=load, name="zefnb loads ahead", daemon=True).start()


def load() -> None:
    """Load what a server needs. Trouble is for whoever starts one to hear of."""
    with contextlib.suppress(Exception):
        for name in _NEEDED:
            importlib.import_module(name)
