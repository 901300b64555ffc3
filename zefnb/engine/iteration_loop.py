"""Turn loops: event loops that say when a turn ends, and when another thread has woken them.

asyncio's own is what there always is. Where uvloop is installed (the extra `zefnb[speed]`) its loop is used;
`ZEFNB_LOOP=asyncio` declines it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import selectors
import socket
import threading
from asyncio.log import logger
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

# More than wait at once; what is left wakes the loop once more.
_MAX_WAKE_BYTES = 4_096


def _do_nothing() -> None:
    """What is called when nobody has asked."""


@contextlib.contextmanager
def _mute_asyncio_log() -> Iterator[None]:
    """asyncio logs nothing of what this thread does.

    A handler of logging that publishes waits, with the lock of all its records, for the loop that is made here.
    """
    this_thread = threading.get_ident()

    def is_other_thread(record: logging.LogRecord) -> bool:
        return threading.get_ident() != this_thread

    logger.addFilter(is_other_thread)
    try:
        yield
    finally:
        logger.removeFilter(is_other_thread)


class IterationLoop(asyncio.AbstractEventLoop):
    """What the runtime asks of its loop beyond asyncio's terms."""

    on_wake: Callable[[], None]

    def at_iteration_end(self, call: Callable[[], None]) -> None:
        """Make `call` once, when everybody who speaks in this turn has been heard. On the loop."""
        raise NotImplementedError

    def wake(self) -> None:
        """Have `on_wake` called on the loop, at least once from now on. From any thread."""
        raise NotImplementedError

    def adopt(self, connection: socket.socket, protocol: asyncio.BaseProtocol) -> Awaitable[Any] | None:
        """Make a transport for an accepted socket, in clear text; what is returned has to be awaited for it."""
        return self.connect_accepted_socket(lambda: protocol, connection)


class SelectorIterationLoop(asyncio.SelectorEventLoop, IterationLoop):
    """asyncio's own loop.

    A turn ends right before the loop looks for more or sleeps. By `call_soon` one would go round once more, and ask
    the system for news that nobody has: an echo takes 0.96 of the CPU time so. To be woken costs no handle, as it
    would by `call_soon_threadsafe`: `| run` takes 0.8 of the time.
    """

    def __init__(self) -> None:
        self._end_calls: list[Callable[[], None]] = []
        self.on_wake = _do_nothing
        with _mute_asyncio_log():
            super().__init__(_IterationSelector(self))

    def at_iteration_end(self, call: Callable[[], None]) -> None:
        self._end_calls.append(call)

    def wake(self) -> None:
        self._write_to_self()

    def adopt(self, connection: socket.socket, protocol: asyncio.BaseProtocol) -> None:
        # As `connect_accepted_socket`, without a task and a future for each: a handshake takes 0.9 of the CPU time.
        self._make_socket_transport(connection, protocol)

    def _read_from_self(self) -> None:
        with contextlib.suppress(BlockingIOError, InterruptedError):
            self._ssock.recv(_MAX_WAKE_BYTES)
        self.on_wake()

    def end_iteration(self, timeout: float | None) -> float | None:
        """Make the calls that are due; returns how long the loop may sleep, knowing what they have scheduled."""
        timers = len(self._scheduled)
        while self._end_calls:
            calls, self._end_calls = self._end_calls, []
            for call in calls:
                try:
                    call()
                except Exception as error:
                    self.call_exception_handler({"message": "a fault at the end of a turn", "exception": error})
        return 0 if self._ready or len(self._scheduled) != timers else timeout

    # What asyncio calls its queues and its pipe to itself; tests/engine/test_loop.py holds them.
    _ready: Any
    _scheduled: list[Any]
    _ssock: Any
    _write_to_self: Callable[[], None]
    _make_socket_transport: Callable[[socket.socket, asyncio.BaseProtocol], asyncio.Transport]


class _IterationSelector(selectors.DefaultSelector):
    def __init__(self, loop: SelectorIterationLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self._loop._end_calls:
            timeout = self._loop.end_iteration(timeout)
        return super().select(timeout)
