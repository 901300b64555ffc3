"""Keeping the interpreter's lock while sending, as long as somebody else computes.

Each ordinary `send` gives the lock up. With a cell that computes in pure Python on another processor,
it is then gone for a whole switch interval, a hundred times in a broadcast to a hundred clients. The
sockets never block, so the lock may as well be kept: then a turn gives it up only to look for news and
to receive. Beside a busy cell on two processors that is 20 times the deliveries; without one a send by
ctypes costs 10 % more, hence only where giving it up has just been seen to take long.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable

# A send takes some microseconds; with the lock gone meanwhile, a switch interval of 500 or more.
_LONG = 0.0002
# Copying more takes long by itself: then others had better go on meanwhile, and it tells nothing.
_SHORT = 16_384
_REMEMBERED = 0.25
_FLAGS = getattr(socket, "MSG_DONTWAIT", 0) | getattr(socket, "MSG_NOSIGNAL", 0)

Send = Callable[[int, bytes, int, int], int]


class InterpreterLock:
    """Whether sends should keep the lock. One for all connections of a loop."""

    def __init__(self) -> None:
        self._kept_until = 0.0
        # Now, with the server: loading ctypes when somebody computes would hold everybody up just then.
        self._send = _load_send()
        # Whether the next write is one to be timed, or the lock is to be kept.
        self.matters = True

    def turn_ends(self) -> None:
        """Time the first write of a turn, unless it is known that somebody computes."""
        self.matters = True

    def write(self, transport: asyncio.Transport, descriptor: int, data: bytes) -> None:
        """Write to `transport` while it matters how."""
        if len(data) > _SHORT:
            transport.write(data)
            return
        begun = time.monotonic()
        if begun < self._kept_until:
            if descriptor >= 0:
                data = self._kept(transport, descriptor, data)
            if data:
                transport.write(data)
            return
        transport.write(data)
        self.matters = False
        ended = time.monotonic()
        if ended - begun > _LONG and self.can_be_kept:
            self.matters = True
            self._kept_until = ended + _REMEMBERED

    def _kept(self, transport: asyncio.Transport, descriptor: int, data: bytes) -> bytes:
        """Send without giving the lock up; answers what is left for the transport, with every error."""
        if transport.is_closing() or transport.get_write_buffer_size():
            return data
        sent = self._send(descriptor, data, len(data), _FLAGS)  # type: ignore[misc]
        return data[sent:] if sent > 0 else data

    @property
    def can_be_kept(self) -> bool:
        """Whether this system has such a call."""
        return self._send is not None


def _load_send() -> Send | None:
    """The system's `send`, called with the lock held; `None` on systems that have it otherwise."""
    import ctypes

    try:
        send = ctypes.PyDLL(None).send
    except (OSError, TypeError, AttributeError):
        return None
    send.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int)
    send.restype = ctypes.c_ssize_t
    made: Send = send
    return made


def descriptor_of(transport: asyncio.Transport) -> int:
    """The socket that bytes given to `transport` go to as they are; -1 where they are encrypted first."""
    found = transport.get_extra_info("socket")
    if found is None or transport.get_extra_info("sslcontext") is not None:
        return -1
    number: int = found.fileno()
    return number
