"""Iteration loops: event loops that call back at the end of an iteration and when another thread wakes them.

The loop is that of uvloop if it is installed (the extra `zefnb[speed]`), and asyncio's own otherwise or with
`ZEFNB_LOOP=asyncio`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import selectors
import socket
import threading
from asyncio.log import logger
from collections.abc import Callable, Iterator
from typing import Any

from zefnb.engine.executor import OwnExecutor

# More than usually wait at once; the bytes that remain wake the loop once more.
_MAX_WAKE_BYTES = 4_096


def _do_nothing() -> None:
    """The default of `on_wake`."""


@contextlib.contextmanager
def _mute_asyncio_log() -> Iterator[None]:
    """Suppress asyncio's log records of this thread.

    A logging handler that publishes holds its lock while it waits for the new loop, so a record of this thread would
    wait for that lock for ever.
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
    """The methods that the runtime needs beyond those of asyncio's loops."""

    on_wake: Callable[[], None]

    def at_iteration_end(self, call: Callable[[], None]) -> None:
        """Call `call` once, after all events of this iteration have been processed. On the loop."""
        raise NotImplementedError

    def wake(self) -> None:
        """Call `on_wake` on the loop, at least once from now on. From any thread."""
        raise NotImplementedError

    def adopt(self, connection: socket.socket, protocol: asyncio.BaseProtocol) -> None:
        """Make a transport for an accepted socket, in clear text; `protocol.connection_made` receives it soon."""
        raise NotImplementedError


class SelectorIterationLoop(OwnExecutor, asyncio.SelectorEventLoop, IterationLoop):
    """asyncio's own loop.

    An iteration ends right before the loop polls or sleeps. A `call_soon` would need one more iteration with a useless
    poll: without it, an echo takes 0.96 of the CPU time. A wake-up needs no handle, unlike `call_soon_threadsafe`:
    `| run` takes 0.8 of the time.
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
        # As `connect_accepted_socket`, without a task and a future: a handshake takes 0.9 of the CPU time.
        self._make_socket_transport(connection, protocol)

    def _read_from_self(self) -> None:
        try:  # noqa: SIM105  (`suppress` takes longer)
            self._ssock.recv(_MAX_WAKE_BYTES)
        except (BlockingIOError, InterruptedError):
            pass
        self.on_wake()

    def end_iteration(self, timeout: float | None) -> float | None:
        """Make the calls that are due. Returns the timeout of the next poll: 0 if they have scheduled more work."""
        timers = len(self._scheduled)
        while self._end_calls:
            calls, self._end_calls = self._end_calls, []
            for call in calls:
                try:
                    call()
                except Exception as error:
                    self.call_exception_handler({"message": "a call at the end of an iteration", "exception": error})
        return 0 if self._ready or len(self._scheduled) != timers else timeout

    # Private names of asyncio's loop; tests/engine/test_loop.py checks that they exist.
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
