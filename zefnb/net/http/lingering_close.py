"""The lingering close of a connection: it sends FIN, and reads on for a moment.

Closing with unread bytes would reset the connection, and the peer would lose what it has yet to read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

_SECONDS = 1.0
_BYTES_LIMIT = 16 << 20


def close_lingering(
    transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, on_lost: Callable[[Exception | None], None]
) -> None:
    """Close a connection. `on_lost` is called when it is closed, in place of the protocol's `connection_lost`."""
    if transport.is_closing():
        return
    if transport.can_write_eof():
        transport.write_eof()
        transport.set_protocol(_LingeringClose(transport, loop, on_lost))
    else:
        transport.close()


class _LingeringClose(asyncio.Protocol):
    """Reads and drops further bytes, for at most a second and 16 MiB."""

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, on_lost: Callable[[Exception | None], None]
    ) -> None:
        self._on_lost = on_lost
        self._timer = loop.call_later(_SECONDS, transport.abort)
        self._transport = transport
        self._received = 0

    def data_received(self, data: bytes) -> None:
        """Drop the bytes, and abort when there are too many."""
        self._received += len(data)
        if self._received > _BYTES_LIMIT:
            self._transport.abort()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        self._on_lost(exc)
