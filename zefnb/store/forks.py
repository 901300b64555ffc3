"""Forks: the process forks only while no thread is inside SQLite and no database file is open.

SQLite stores in memory which file locks the process holds. A child would inherit this state, and wait for ever for a
lock that none of its threads releases. Before a fork the connections are therefore closed. The parent opens them
again when it needs them, and the child opens files like any other process.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
import weakref
from typing import Protocol

from zefnb.errors import StorageFailed

# A thread inside may wait for another program to unlock the file, for at most 5 seconds.
_WAIT_SECONDS = 10.0
_POLL = 0.001


class Pausable(Protocol):
    """A store with an open file. `disconnect` closes the file until it is used again."""

    path: str

    def disconnect(self) -> None: ...


class Gate:
    """Any number of threads are inside at once, and none while a thread forks.

    There is no lock: a finalizer or a signal handler can run between any two bytecodes here, and wait for another
    thread that wants to come in. Whoever comes in says so first and looks afterwards whether a fork is under way; who
    forks says so first and looks afterwards who is inside. Whichever comes later sees what the other has done.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin anew, as a child must: its parent's threads are not in it."""
        # How often each thread is inside; a thread changes its own entry only.
        self._inside: dict[int, int] = {}
        self._forking: int | None = None

    def __enter__(self) -> None:
        me = threading.get_ident()
        while True:
            count = self._inside[me] = self._inside.get(me, 0) + 1
            # A thread that is inside already must come through, or it would never leave.
            if count > 1 or self._forking in (None, me):
                return
            self.__exit__()
            time.sleep(_POLL)

    def __exit__(self, *_: object) -> None:
        me = threading.get_ident()
        count = self._inside[me] - 1
        if count:
            self._inside[me] = count
        else:
            del self._inside[me]

    def shut(self, seconds: float) -> bool:
        """Let nobody in, and wait until all have left; false when that takes longer than `seconds`."""
        me, end = threading.get_ident(), time.monotonic() + seconds
        while self._forking not in (None, me) and time.monotonic() < end:
            time.sleep(_POLL)
        self._forking = me
        # Of a finalizer that forks in the middle of a query nothing can be waited for.
        while self._inside and me not in self._inside and time.monotonic() < end:
            time.sleep(_POLL)
        return not self._inside

    def open(self) -> None:
        """Let everybody in again."""
        self._forking = None


GATE = Gate()
_stores: weakref.WeakSet[Pausable] = weakref.WeakSet()
# Files that could not be closed before a fork, with their stores, which must not be freed in the child.
_open_at_fork: list[tuple[Pausable, os.stat_result]] = []
_inherited: list[tuple[Pausable, os.stat_result]] = []


def register(store: Pausable) -> None:
    """Close the store's file before each fork."""
    _stores.add(store)


def check_not_inherited(path: str) -> None:
    """Raise `StorageFailed` for a file that was in use when this process was forked."""
    if _inherited and os.path.exists(path):
        found = os.stat(path)
        if any(os.path.samestat(found, held) for _, held in _inherited):
            raise StorageFailed(
                f"{path} was in use when this process was forked, and cannot be opened in it; start the process with "
                "multiprocessing's 'spawn', or fork while no query on the database runs"
            )


def _before() -> None:
    if GATE.close(_WAIT_SECONDS if _stores else 0):
        for store in list(_stores):
            store.disconnect()
    else:
        _record_open_files()


def _record_open_files() -> None:
    for store in list(_stores):
        with contextlib.suppress(OSError):
            _open_at_fork.append((store, os.stat(store.path)))


def _in_parent() -> None:
    _open_at_fork.clear()
    GATE.open()


def _in_child() -> None:
    _inherited.extend(_open_at_fork)
    _open_at_fork.clear()
    _stores.clear()
    GATE.reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
