"""The guard: while a handler is rehearsed, no effect is performed and no database is changed.

A handler should return effects. One that performs them itself, or that reads a database, depends on more than its
message and its state. The guard refuses the first, permits the second, and notes both.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from zefnb.core.effect import Effect
from zefnb.engine import perform
from zefnb.errors import NotPerformed, naming
from zefnb.store import dict_database
from zefnb.store.dict_database import DictDatabase
from zefnb.store.store import Store


class Noted:
    """The outside of a handler that one call has used."""

    __slots__ = ("performed", "read")

    def __init__(self) -> None:
        # Names of effects, and handles of databases, each once and in order.
        self.performed: dict[str, None] = {}
        self.read: dict[DictDatabase, None] = {}

    def clear(self) -> None:
        """Forget the last call."""
        if self.performed or self.read:
            self.performed, self.read = {}, {}

    def __bool__(self) -> bool:
        return bool(self.performed or self.read)


# Set in the context of each call that is rehearsed.
_noted: ContextVar[Noted | None] = ContextVar("zefnb_rehearsed", default=None)
_lock = threading.Lock()
_users = 0


@contextmanager
def guarded() -> Iterator[Noted]:
    """Guard all calls in the current context and in copies of it."""
    noted = Noted()
    _use(1)
    token = _noted.set(noted)
    try:
        yield noted
    finally:
        _noted.reset(token)
        _use(-1)


def _use(change: int) -> None:
    """Install the guard for the first rehearsal, and remove it after the last."""
    global _users
    with _lock:
        _users += change
        perform.set_check(_refuse if _users else None)
        dict_database.set_view(_view if _users else None)


def _refuse(given: Any) -> None:
    noted = _noted.get()
    if noted is None:
        return
    effects = given if isinstance(given, list | tuple) else [given]
    names = [repr(type(effect)) if isinstance(effect, Effect) else "run" for effect in effects] or ["run"]
    noted.performed.update(dict.fromkeys(names))
    text = "a rehearsal performs no effect; a handler that returns its effects can be rehearsed"
    raise naming(NotPerformed(text), names[0])


def _view(handle: DictDatabase, store: Store | None) -> Store | None:
    noted = _noted.get()
    if noted is None:
        return store
    noted.read[handle] = None
    return None if store is None else _ReadOnly(handle, store, noted)


class _ReadOnly:
    """A store that can be read."""

    def __init__(self, handle: DictDatabase, store: Store, noted: Noted) -> None:
        self._handle = handle
        self._store = store
        self._noted = noted
        self.quick = store.quick
        self.get, self.keys, self.items = store.get, store.keys, store.items
        self.stored, self.restored, self.close = store.stored, store.restored, store.close

    def __len__(self) -> int:
        return len(self._store)

    def __contains__(self, key: object) -> bool:
        return key in self._store

    def write(self, work: Callable[..., Any]) -> Any:
        """Refuse the change."""
        self._noted.performed[f"a change of {self._handle!r}"] = None
        raise NotPerformed(f"{self._handle!r}: a rehearsal changes no database; return FX.UpdateDB as an effect")

    def submit(self, work: Callable[..., Any], done: Callable[..., Any]) -> None:
        """Refuse the change."""
        self.write(work)
