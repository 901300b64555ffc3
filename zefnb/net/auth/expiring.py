"""Expiring values: each is valid for some time and removed once, and their number is limited for each owner, too."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from itertools import islice
from typing import Generic, NamedTuple, TypeVar

# Values that one call forgets: thousands at once would take many milliseconds.
_FORGOTTEN_AT_ONCE = 100

V = TypeVar("V")
K = TypeVar("K", bound=Hashable)


class _Entry(NamedTuple, Generic[V]):
    deadline: float
    owner: Hashable
    value: V


class Expiring(Generic[K, V]):
    """Values by key, in the order of their deadlines. At a limit the oldest is removed: of the owner, or of all.

    >>> values = Expiring(timeout=60, limit=100, owner_limit=2, clock=lambda: 0)
    >>> for number in range(3):
    ...     values.add(number, f'value {number}', owner='ada')
    >>> values.get(0), values.get(2)
    (None, 'value 2')
    """

    def __init__(self, timeout: float, limit: int, owner_limit: int, clock: Callable[[], float]) -> None:
        self._timeout, self._limit, self._owner_limit, self._clock = timeout, limit, owner_limit, clock
        self._entries: dict[K, _Entry[V]] = {}
        # The keys of each owner. The dicts serve as ordered sets.
        self._owned: dict[Hashable, dict[K, None]] = {}

    def __len__(self) -> int:
        """The number of values in memory. Some of them may have expired."""
        return len(self._entries)

    def add(self, key: K, value: V, owner: Hashable) -> None:
        """Keep a value."""
        self._forget_old()
        owned = self._owned.get(owner, {})
        if len(owned) >= self._owner_limit:
            self.remove(next(iter(owned)))
        if len(self._entries) >= self._limit:
            self.remove(next(iter(self._entries)))
        self._entries[key] = _Entry(self._clock() + self._timeout, owner, value)
        self._owned.setdefault(owner, {})[key] = None

    def get(self, key: K) -> V | None:
        """The value of a key; `None` when there is none, or its time is over."""
        self._forget_old()
        entry = self._entries.get(key)
        return entry.value if entry is not None and entry.deadline > self._clock() else None

    def remove(self, key: K) -> None:
        """Remove the value of a key, if there is one."""
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        owned = self._owned[entry.owner]
        del owned[key]
        if not owned:
            del self._owned[entry.owner]

    def _forget_old(self) -> None:
        now = self._clock()
        for key in list(islice(self._entries, _FORGOTTEN_AT_ONCE)):
            if self._entries[key].deadline > now:
                return
            self.remove(key)
