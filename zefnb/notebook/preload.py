"""The preloader: loads the modules of a server in a background thread, after the cell that imports zefnb.

These modules take some 100 ms to load, and a notebook that imports zefnb usually starts a server soon. With the
modules loaded, its first server starts as fast as any other.
"""

from __future__ import annotations

import contextlib
import importlib
import threading
from typing import Any

_NEEDED = ("zefnb.engine.perform", "zefnb.topics.hub", "zefnb.net.http.servers")


class Preloader:
    """Loads the modules when the running cell has ended."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._waits = False

    def open(self) -> None:
        """Wait for the end of the running cell."""
        self._waits = True
        self._shell.events.register("post_run_cell", self._ran)

    def close(self) -> None:
        """Cancel the load if it has not begun; a load that has begun completes."""
        if self._waits:
            self._waits = False
            self._shell.events.unregister("post_run_cell", self._ran)

    def _ran(self, result: Any = None) -> None:
        self.close()
        threading.Thread(target=load, name="zefnb loads ahead", daemon=True).start()


def load() -> None:
    """Load the modules of a server. Errors are ignored here, because starting a server raises them again."""
    with contextlib.suppress(Exception):
        for name in _NEEDED:
            importlib.import_module(name)
