"""The store in memory: a dict and a lock."""

from __future__ import annotations

import itertools
from typing import Any, TypeVar

from zefnb.core.snapshot import snapshot
from zefnb.engine.lent_lock import LentLock
from zefnb.errors import InvalidValue
from zefnb.store.store import Done, Work
from zefnb.store.tree import named_refusal, tree_snapshot

T = TypeVar("T")


class MemoryStore:
    """Stores snapshots of any values: a later change by a writer or a reader has no effect on them."""

    quick = True

    def __init__(self) -> None:
        self._values: dict[Any, Any] = {}
        # Finalizers and signal handlers that run meanwhile may use the database, too, also through effects.
        self._lock = LentLock()

    def get(self, key: Any) -> Any:
        with self._lock:
            stored = self._values[key]
        return snapshot(stored)

    def keys(self, limit: int = -1) -> list[Any]:
        with self._lock:
            return list(self._values if limit < 0 else itertools.islice(self._values, limit))

    def items(self) -> list[tuple[Any, Any]]:
        with self._lock:
            items = list(self._values.items())
        return [(key, snapshot(stored)) for key, stored in items]

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, key: object) -> bool:
        with self._lock:
            return key in self._values

    def stored(self, key: Any, value: Any) -> Any:
        try:
            return tree_snapshot(value)
        except InvalidValue as error:
            raise named_refusal(key, error) from None

    def restored(self, key: Any, stored: Any) -> Any:
        return snapshot(stored)

    def write(self, work: Work[T]) -> T:
        with self._lock:
            return work(self._values)

    def submit(self, work: Work[Any], done: Done) -> None:
        try:
            result = self.write(work)
        except Exception as error:
            done(None, error)
        else:
            done(result, None)

    def close(self) -> None:
        with self._lock:
            self._values = {}
