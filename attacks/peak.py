"""The peak memory of a process, as the kernel counts it."""

from __future__ import annotations

from pathlib import Path

from attacks.targets import Server, memory


class Peak:
    """The peak of a server's process since this object was made, minus its memory at that time."""

    def __init__(self, server: Server) -> None:
        self._process = Path(f"/proc/{server.pid}")
        # See proc(5): this sets the peak to the present value.
        (self._process / "clear_refs").write_text("5")
        self._before = memory(server)

    @property
    def grown(self) -> int:
        """The growth in bytes."""
        status = (self._process / "status").read_text()
        highest = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
        return int(highest) * 1024 - self._before
