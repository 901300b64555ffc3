"""The sockets of a kernel.

jupyter_client chooses the ports of a kernel seconds before the kernel binds them, and the kernel ends if another
program has one of them by then. Nobody takes Unix sockets in a directory of its own.
"""

from __future__ import annotations

import sys
from tempfile import TemporaryDirectory


class KernelSockets:
    """A directory for the sockets of one kernel. `options` are those of its `KernelManager`."""

    def __init__(self) -> None:
        # Not in pytest's directory, since the path of a Unix socket has 107 bytes at most.
        self._folder = TemporaryDirectory(prefix="kernel-", ignore_cleanup_errors=True)
        self.options: dict[str, str] = {}
        if sys.platform != "win32":
            self.options = {"transport": "ipc", "connection_file": f"{self._folder.name}/kernel.json"}

    def close(self) -> None:
        """Remove the directory."""
        self._folder.cleanup()
