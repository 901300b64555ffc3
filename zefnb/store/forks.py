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
    """A gate that admits any number of threads, but none during a fork.

    It has no lock: a finalizer or a signal handler can run between any two bytecodes here, and wait for another thread
    that enters. A thread that enters first records itself and then checks for a fork; a thread that forks first
    records the fork and then checks who is inside. So the later one always sees the earlier one.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Reset the gate in a child: the threads of its parent do not exist there."""
        # How often each thread has entered; a thread changes only its own entry.
        self._inside: dict[int, int] = {}
        self._forking: int | None = None

    def __enter__(self) -> None:
        this_thread = threading.get_ident()
        while True:
            count = self._inside[this_thread] = self._inside.get(this_thread, 0) + 1
            # A thread that is inside already must not wait, or it would never leave.
            if count > 1 or self._forking in (None, this_thread):
                return
            self.__exit__()
            time.sleep(_POLL)

    def __exit__(self, *_: object) -> None:
        this_thread = threading.get_ident()
        count = self._inside[this_thread] - 1
        if count:
            self._inside[this_thread] = count
        else:
            del self._inside[this_thread]

    def close(self, seconds: float) -> bool:
        """Admit no more threads, and wait until all have left. Returns false if that takes more than `seconds`."""
        this_thread, end = threading.get_ident(), time.monotonic() + seconds
        while self._forking not in (None, this_thread) and time.monotonic() < end:
            time.sleep(_POLL)
        self._forking = this_thread
        # A finalizer that forks inside a query would wait for itself.
        while self._inside and this_thread not in self._inside and time.monotonic() < end:
            time.sleep(_POLL)
        return not self._inside

    def open(self) -> None:
        """Admit threads again."""
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
