"""The progress of a response: whether the peer reads it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from zefnb.net.http.strict import StrictConnection
from zefnb.net.kernel import unsent_bytes

# Seconds after which a client that reads nothing of its response is disconnected; fewer while the memory for responses
# is scarce. Progress is visible in steps only, since a kernel reports room when there is much: at 10 KB/s every 13 s,
# at 20 KB/s every 5 s.
RESPONSE_PROGRESS_TIMEOUT = 20.0
SCARCE_PROGRESS_TIMEOUT = 8.0
_INTERVAL = 0.25


class ResponseProgress:
    """Checks, while bytes wait to be written, whether the peer has read any since the last check."""

    def __init__(self, loop: asyncio.AbstractEventLoop, transport: asyncio.Transport, conn: StrictConnection) -> None:
        self._loop = loop
        self._transport = transport
        self._conn = conn
        self._timer: asyncio.TimerHandle | None = None
        self._bytes_read, self._read_at = 0, 0.0

    def watch(self, is_scarce: Callable[[], bool], on_stalled: Callable[[float], None]) -> None:
        """Call `on_stalled` with the timeout, in seconds, when the peer has read nothing for that time.

        The timeout is the shorter one while `is_scarce()`.
        """
        if self._timer is None:
            self._bytes_read, self._read_at = self._count_read(), self._loop.time()
            self._timer = self._loop.call_later(_INTERVAL, self._check, is_scarce, on_stalled)

    def stop(self) -> None:
        """Stop checking."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _check(self, is_scarce: Callable[[], bool], on_stalled: Callable[[float], None]) -> None:
        self._timer = None
        if not self._transport.get_write_buffer_size():
            return
        bytes_read, now = self._count_read(), self._loop.time()
        if bytes_read != self._bytes_read:
            self._bytes_read, self._read_at = bytes_read, now
        else:
            timeout = SCARCE_PROGRESS_TIMEOUT if is_scarce() else RESPONSE_PROGRESS_TIMEOUT
            if now - self._read_at > timeout:
                on_stalled(timeout)
                return
        self._timer = self._loop.call_later(_INTERVAL, self._check, is_scarce, on_stalled)

    def _count_read(self) -> int:
        return self._conn.sent_bytes - self._transport.get_write_buffer_size() - unsent_bytes(self._transport)
