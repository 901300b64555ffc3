"""The most memory that a process has had at once, as its kernel counts it."""

from __future__ import annotations

from pathlib import Path

from attacks.targets import Server, memory


class Peak:
    """What a server's process had at once since this was made, beyond what it had then."""

    def __init__(self, server: Server) -> None:
        self._process = Path(f"/proc/{server.pid}")
        # See proc(5): the mark is set to what the process has now.
        (self._process / "clear_refs").write_text("5")
        self._before = memory(server)

    @property
    def grown(self) -> int:
        """Bytes."""
        status = (self._process / "status").read_text()
        highest = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
        return int(highest) * 1024 - self._before
