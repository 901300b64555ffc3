"""The preloader: loads the modules of a server in a background thread, after the cell that imports zefnb.

These modules take some 100 ms to load, and a notebook that imports zefnb usually starts a server soon. With the
modules loaded, its first server starts as fast as any other.

The next cell waits for the end of the load. Two threads must not import the modules of websockets at once: they import
each other in circles, and Python then hands out unfinished ones, of which names are missing until the process ends.
"""

from __future__ import annotations

import contextlib
import importlib
import threading
from collections.abc import Callable
from typing import Any

_NEEDED = ("zefnb.engine.perform", "zefnb.topics.hub", "zefnb.net.http.servers")


class Preloader:
    """Loads the modules when the running cell has ended."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._thread = threading.Thread(target=load, name="zefnb loads ahead", daemon=True)
        self._registered: tuple[str, Callable[..., None]] | None = None

    def open(self) -> None:
        """Wait for the end of the running cell."""
        self._register("post_run_cell", self._start)

    def close(self) -> None:
        """Cancel the load if it has not begun; a load that has begun completes."""
        if self._registered is not None:
            self._shell.events.unregister(*self._registered)
            self._registered = None

    def _register(self, event: str, call: Callable[..., None]) -> None:
        self.close()
        self._registered = event, call
        self._shell.events.register(event, call)

    def _start(self, result: Any = None) -> None:
        self._thread.start()
        self._register("pre_execute", self._wait)

    def _wait(self) -> None:
        self.close()
        self._thread.join()


def load() -> None:
    """Load the modules of a server. Errors are ignored here, because starting a server raises them again."""
    with contextlib.suppress(Exception):
        for name in _NEEDED:
            importlib.import_module(name)
