"""Wakers: how the loop tells a thread that waits for it that something has happened."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import sys
import threading
from typing import ClassVar, Protocol

_WAIT_INTERVAL = 0.1
# Each has two descriptors for as long as its thread lives.
_MOST_SOCKETS = 64


class Waker(Protocol):
    """It may ring for somebody who has gone, so who wakes must look why."""

    # Whether its thread is inside a wait already, which a signal handler has interrupted.
    is_awaited: bool

    def wake(self) -> None:
        """Wake who waits, or who will. From any thread."""

    def wait(self) -> None:
        """Return when it has rung, or when patience is at its end."""


class _SocketWaker:
    """Rings by a byte, since to send one lets go of the interpreter's lock, which who wakes needs at once.

    On one processor `| run` takes a third of the time that it takes with a lock (45 us, not 140), on two as long.
    """

    open_descriptors: ClassVar[set[int]] = set()
    is_awaited = False
    _write_descriptor = _read_descriptor = -1  # as long as there is no descriptor

    def __init__(self, timeout: float | None) -> None:
        writer, reader = socket.socketpair()
        writer.setblocking(False)
        reader.setblocking(True)  # whatever `socket.setdefaulttimeout` says
        if timeout is not None:
            # The kernel's own patience: Python's would ask twice, and let go of the interpreter's lock twice.
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, int(timeout * 1e6)))
        # Bare descriptors: at the end of a process sockets may be taken down before who would close them.
        self._write_descriptor, self._read_descriptor = writer.detach(), reader.detach()
        self.open_descriptors.add(self._read_descriptor)

    def wake(self) -> None:
        with contextlib.suppress(BlockingIOError):  # full of rings that nobody has heard yet
            os.write(self._write_descriptor, b"\0")

    def wait(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._read_descriptor, 64)

    def __del__(self) -> None:
        self.open_descriptors.discard(self._read_descriptor)
        for each in (self._write_descriptor, self._read_descriptor):
            if each >= 0:
                os.close(each)


class _LockWaker:
    """For systems whose sockets do not wait so, and for when descriptors are few.

    A bare lock: of one made in Python, such as an event's, Ctrl-C may keep hold for ever.
    """

    is_awaited = False

    def __init__(self, timeout: float | None) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()
        self._timeout = -1 if timeout is None else timeout

    def wake(self) -> None:
        with contextlib.suppress(RuntimeError):  # it has rung already
            self._lock.release()

    def wait(self) -> None:
        self._lock.acquire(timeout=self._timeout)


def make_waker(timeout: float | None = None) -> Waker:
    """A waker; who waits for it does so for so many seconds (less than one) at a time, or until it has rung."""
    if sys.platform != "win32" and len(_SocketWaker.open_descriptors) < _MOST_SOCKETS:
        with contextlib.suppress(OSError):
            return _SocketWaker(timeout)
    return _LockWaker(timeout)


_wakers = threading.local()


def thread_waker() -> Waker:
    """The calling thread's waker, which it takes along when it ends. It waits in slices, so that Ctrl-C is heard."""
    waker: Waker | None = getattr(_wakers, "waker", None)
    if waker is None:
        waker = _wakers.waker = make_waker(_WAIT_INTERVAL)
    return waker


def _after_fork() -> None:
    global _wakers
    _wakers = threading.local()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
