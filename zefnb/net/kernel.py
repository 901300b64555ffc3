"""The kernel: how many sent bytes it still holds for a peer."""

from __future__ import annotations

import array
import asyncio

try:
    import fcntl
    import termios
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


def unsent_bytes(transport: asyncio.Transport) -> int:
    """The bytes that this machine's kernel has yet to deliver. It reports them in steps of more than a mebibyte."""
    if fcntl is None:
        return 0
    size = array.array("i", [0])
    try:
        fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, size)
    except (OSError, ValueError, AttributeError):
        return 0
    return size[0]
