"""What a store is, and which are open."""

from __future__ import annotations

import os
from collections.abc import Callable, MutableMapping
from typing import Any, Protocol, TypeVar

T = TypeVar("T")

# What a change sees: keys and stored values, while nobody else writes.
Table = MutableMapping[Any, Any]
Work = Callable[[Table], T]
Done = Callable[[Any, BaseException | None], None]


class Store(Protocol):
    """Keys and values, from any thread. Each call is atomic; a missing key is a plain `KeyError` with the keys.

    Values inside are kept in a form of the store's own (`stored`, `restored`), which nobody outside can change.
    """

    quick: bool  # whether no call waits for a disk

    def get(self, key: Any) -> Any:
        """The value under `key`."""

    def keys(self, limit: int = -1) -> list[Any]:
        """The keys in the order of their insertion, all or the first `most`."""

    def items(self) -> list[tuple[Any, Any]]:
        """Keys and values of one moment, in the order of insertion."""

    def __len__(self) -> int: ...

    def __contains__(self, key: object) -> bool: ...

    def stored(self, key: Any, value: Any) -> Any:
        """`value` as it is kept under `key`; `InvalidValue` when it cannot be."""

    def restored(self, key: Any, stored: Any) -> Any:
        """The value that is kept as `stored`."""

    def write(self, work: Work[T]) -> T:
        """What `work` answers, once what it did to the table is kept. When it raises, it did nothing."""

    def submit(self, work: Work[Any], done: Done) -> None:
        """As `write`, in the order of submission, without waiting; `done(answer, error)` is called in any thread."""

    def close(self) -> None:
        """Keep what was submitted, then let go of everything."""


# By uid, for the whole process: a handle is a value and knows no runtime.
OPEN: dict[str, Store] = {}

_stores_of_parent: list[Store] = []


def _after_fork() -> None:
    # A connection must not be used in two processes, nor even closed in the second.
    _stores_of_parent.extend(OPEN.values())
    OPEN.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
