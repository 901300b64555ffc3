"""Watched names: while an object watches the names of topics, it can subscribe to a topic before its first message.

A hub whose names are watched has, for that time, a dict of topics with another `get`, so that other hubs pay nothing.
"""

from __future__ import annotations

import threading
from typing import Any, Protocol

from zefnb.core.uid import is_uid

# Names that are remembered as known, so that the watchers are called only once for each name.
_MOST_NAMES = 100_000


class NameWatcher(Protocol):
    """Watches the names of topics."""

    def named(self, name: str) -> None:
        """A topic of this name, which has no subscriber, is used. Called on the loop; may subscribe to it."""


class WatchedNames(dict[str, Any]):
    """Topics by name. A name that is missing is first passed to the watchers."""

    def __init__(self, topics: dict[str, Any]) -> None:
        super().__init__(topics)
        self.watchers: list[NameWatcher] = []
        self._loop_thread = threading.get_ident()
        self._is_calling = False
        self._unmatched: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        state = super().get(name)
        if state is not None or self._is_calling or name in self._unmatched or is_uid(name):
            return state
        if threading.get_ident() != self._loop_thread:
            return state
        self._is_calling = True
        try:
            for watcher in self.watchers:
                watcher.named(name)
        finally:
            self._is_calling = False
        state = super().get(name)
        if state is None and len(self._unmatched) < _MOST_NAMES:
            self._unmatched.add(name)
        return state

    def watch(self, watcher: NameWatcher) -> None:
        """Add a watcher, and pass it the names of all topics."""
        self.watchers.append(watcher)
        self._unmatched.clear()
        self._is_calling = True
        try:
            for name in list(self):
                if not is_uid(name):
                    watcher.named(name)
        finally:
            self._is_calling = False
