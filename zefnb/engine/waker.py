"""Wakers: with them the loop wakes the threads that wait for it."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import sys
import threading
from typing import ClassVar, Protocol

_WAIT_INTERVAL = 0.1
# The most wakers with sockets: each uses two descriptors until its thread ends.
_MOST_SOCKETS = 64


class Waker(Protocol):
    """Wakes a waiting thread. Wake-ups can be spurious: re-check the condition."""

    # Whether its thread is already inside a wait, which a signal handler has interrupted.
    is_awaited: bool

    def wake(self) -> None:
        """End the current wait, or the next one. From any thread."""

    def wait(self) -> None:
        """Wait for a wake-up, or until the timeout."""


class _SocketWaker:
    """Wakes through a socketpair: sending a byte releases the GIL, which the woken thread needs at once.

    On one processor, `| run` takes a third of the time that it takes with a lock (45 us, not 140), on two the same.
    """

    open_descriptors: ClassVar[set[int]] = set()
    is_awaited = False
    _write_descriptor = _read_descriptor = -1  # for `__del__`, if the constructor fails

    def __init__(self, timeout: float | None) -> None:
        writer, reader = socket.socketpair()
        writer.setblocking(False)
        reader.setblocking(True)  # independently of `socket.setdefaulttimeout`
        if timeout is not None:
            # The kernel's timeout: Python's would need two system calls, and release the GIL twice.
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, int(timeout * 1e6)))
        # Descriptors instead of sockets: at the end of a process the sockets may be destroyed before this object.
        self._write_descriptor, self._read_descriptor = writer.detach(), reader.detach()
        self.open_descriptors.add(self._read_descriptor)

    # Without `suppress`, which takes longer than the rest: these two are called for each handler that runs in a thread.
    def wake(self) -> None:
        try:  # noqa: SIM105
            os.write(self._write_descriptor, b"\0")
        except BlockingIOError:
            pass  # the buffer is full of earlier wake-ups

    def wait(self) -> None:
        try:  # noqa: SIM105
            os.read(self._read_descriptor, 64)
        except BlockingIOError:
            pass  # the timeout

    def __del__(self) -> None:
        self.open_descriptors.discard(self._read_descriptor)
        for each in (self._write_descriptor, self._read_descriptor):
            if each >= 0:
                os.close(each)


class _LockWaker:
    """Wakes through a lock, on systems without such socket timeouts and when descriptors are few.

    A plain lock, since Ctrl-C can leave one that is written in Python, such as that of an event, locked for ever.
    """

    is_awaited = False

    def __init__(self, timeout: float | None) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()
        self._timeout = -1 if timeout is None else timeout

    def wake(self) -> None:
        with contextlib.suppress(RuntimeError):  # released already
            self._lock.release()

    def wait(self) -> None:
        self._lock.acquire(timeout=self._timeout)


def make_waker(timeout: float | None = None) -> Waker:
    """Return a waker whose `wait` takes at most `timeout` seconds (less than one), or has no limit with `None`."""
    if sys.platform != "win32" and len(_SocketWaker.open_descriptors) < _MOST_SOCKETS:
        with contextlib.suppress(OSError):
            return _SocketWaker(timeout)
    return _LockWaker(timeout)


_wakers = threading.local()


def thread_waker() -> Waker:
    """Return the calling thread's waker. Its waits are short, so that Ctrl-C interrupts a loop of them."""
    waker: Waker | None = getattr(_wakers, "waker", None)
    if waker is None:
        waker = _wakers.waker = make_waker(_WAIT_INTERVAL)
    return waker


def _after_fork() -> None:
    global _wakers
    _wakers = threading.local()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
