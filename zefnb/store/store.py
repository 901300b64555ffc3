"""The protocol of stores, and the open stores."""

from __future__ import annotations

import os
from collections.abc import Callable, MutableMapping
from typing import Any, Protocol, TypeVar

T = TypeVar("T")

# The keys and stored values for a change, during which there is no other write.
Table = MutableMapping[Any, Any]
Work = Callable[[Table], T]
Done = Callable[[Any, BaseException | None], None]


class Store(Protocol):
    """Keys and values, for any thread. Each call is atomic; a missing key is a plain `KeyError` with the key.

    A store keeps values in its own form (`stored`, `restored`), which no other code can change.
    """

    quick: bool  # whether no call waits for a disk

    def get(self, key: Any) -> Any:
        """Return the value under `key`."""

    def keys(self, limit: int = -1) -> list[Any]:
        """Return the keys in the order of insertion: all, or the first `limit`."""

    def items(self) -> list[tuple[Any, Any]]:
        """Return a consistent snapshot of keys and values, in the order of insertion."""

    def __len__(self) -> int: ...

    def __contains__(self, key: object) -> bool: ...

    def stored(self, key: Any, value: Any) -> Any:
        """Return the stored form of `value`. Raises `InvalidValue`, with the name of `key`, if there is none."""

    def restored(self, key: Any, stored: Any) -> Any:
        """Return the value of its stored form."""

    def write(self, work: Work[T]) -> T:
        """Return the result of `work` once its changes of the table are stored. If it raises, nothing is changed."""

    def submit(self, work: Work[Any], done: Done) -> None:
        """As `write`, in the order of submission, without waiting; `done(result, error)` is called in any thread."""

    def close(self) -> None:
        """Complete the submitted work, then release all resources."""


# By uid, for the whole process, since a handle is a value without a runtime.
OPEN: dict[str, Store] = {}
# Find the store of a handle that another process has made, by its uid, without waiting.
FINDERS: list[Callable[[str], Store | None]] = []


def find_store(uid: str) -> Store | None:
    """Return the open store with this uid; for a handle of another node of the cluster, open it."""
    store = OPEN.get(uid)
    for find in FINDERS if store is None else ():
        if (store := find(uid)) is not None:  # one without keys is false
            break
    return store


def known_count(store: Store) -> int:
    """Return the number of keys for a display; of a database in a cluster, after the last change of this process."""
    count: int | None = getattr(store, "known_count", None)
    return len(store) if count is None else count


_stores_of_parent: list[Store] = []


def _after_fork() -> None:
    # A connection must not be used in two processes, nor even closed in the second.
    _stores_of_parent.extend(OPEN.values())
    OPEN.clear()
    FINDERS.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
