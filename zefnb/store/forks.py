"""Forks: the process forks only while no thread is inside SQLite and no database file is open.

SQLite stores in memory which file locks the process holds. A child would inherit this state, and wait for ever for a
lock that none of its threads releases. Before a fork the connections are therefore closed. The parent opens them
again when it needs them, and the child opens files like any other process.
"""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from typing import Protocol

from zefnb.errors import StorageFailed

# A thread inside may wait for another program to unlock the file, for at most 5 seconds.
_WAIT_SECONDS = 10.0


class Pausable(Protocol):
    """A store with an open file. `disconnect` closes the file until it is used again."""

    path: str

    def disconnect(self) -> None: ...


class Gate:
    """A lock that any number of threads can hold together, but none during a fork."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Reset the gate in a child: the threads of its parent, which may hold the lock, do not exist there."""
        # Reentrant, since a finalizer that runs meanwhile may use a database, too.
        self._changed = threading.Condition(threading.RLock())
        self._inside: dict[int, int] = {}
        self._forking: int | None = None

    def __enter__(self) -> None:
        this_thread = threading.get_ident()
        with self._changed:
            # A thread that is inside already must not wait, or it would never leave.
            self._changed.wait_for(lambda: self._forking in (None, this_thread) or this_thread in self._inside)
            self._inside[this_thread] = self._inside.get(this_thread, 0) + 1

    def __exit__(self, *_: object) -> None:
        this_thread = threading.get_ident()
        with self._changed:
            self._inside[this_thread] -= 1
            if not self._inside[this_thread]:
                del self._inside[this_thread]
                if self._forking is not None:
                    self._changed.notify_all()

    def close(self, seconds: float) -> bool:
        """Admit no more threads, and wait until all have left. Returns false if that takes more than `seconds`."""
        with self._changed:
            self._changed.wait_for(lambda: self._forking is None, seconds)
            self._forking = threading.get_ident()
            return self._changed.wait_for(lambda: not self._inside, seconds)

    def open(self) -> None:
        """Admit threads again."""
        with self._changed:
            self._forking = None
            self._changed.notify_all()


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
