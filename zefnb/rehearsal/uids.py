"""Uids that differ from run to run: those of a recording, paired with those that a rehearsal made instead.

A handler that calls `generate_uid()` returns another uid each time. Two results are the same if there is one pairing
for the whole connection. A uid that the recorded messages contain is paired only with itself.
"""

from __future__ import annotations

import re
from typing import Any

from zefnb.core.copy_rules import PLAIN
from zefnb.core.record import Record
from zefnb.text.uids import MARK

_UID = re.compile(rf"{MARK}[0-9a-f]{{20}}")
_DEEPEST = 20


class Uids:
    """The pairs of one connection."""

    __slots__ = ("_given", "_made", "_now", "_then")

    def __init__(self, given: set[str] | None = None) -> None:
        self._given: set[str] = set() if given is None else given
        self._now: dict[str, str] = {}
        self._then: dict[str, str] = {}
        # The pairs in the order in which they were made.
        self._made: list[tuple[str, str]] = []

    def give(self, message: Any) -> None:
        """Pair the uids in a recorded message with themselves."""
        if type(message) not in PLAIN or (type(message) is str and MARK in message):
            _collect(message, self._given, 0)

    def empty(self) -> Uids:
        """Return a pairing with the same given uids and without pairs."""
        return Uids(self._given)

    def mark(self) -> int:
        """Return the number of pairs, for `forget_since`."""
        return len(self._made)

    def forget_since(self, mark: int) -> None:
        """Remove the pairs that were made since `mark`, since the values were not the same."""
        while len(self._made) > mark:
            then, now = self._made.pop()
            del self._now[then], self._then[now]

    def match(self, then: str, now: str) -> bool:
        """Whether these uids or names are the same or a pair; two uids without a partner become one."""
        if then == now:
            return True
        if then in self._now or now in self._then:
            return self._now.get(then) == now
        if then in self._given or now in self._given or not (_UID.fullmatch(then) and _UID.fullmatch(now)):
            return False
        self._now[then], self._then[now] = now, then
        self._made.append((then, now))
        return True

    def match_texts(self, then: str, now: str) -> bool:
        """Whether these texts are the same apart from paired uids."""
        if then == now:
            return True
        if MARK not in then or _UID.sub("", then) != _UID.sub("", now):
            return False
        pairs = zip(_UID.findall(then), _UID.findall(now), strict=True)
        return all(self.match(*pair) for pair in pairs)

    def as_then(self, text: str) -> str:
        """Return a text of the rehearsal with the uids of the recording, so that only real differences show."""
        return _UID.sub(lambda found: self._then.get(found[0], found[0]), text) if self._then and MARK in text else text


def _collect(value: Any, into: set[str], depth: int) -> None:
    if depth > _DEEPEST:
        return
    if isinstance(value, str):
        into.update(_UID.findall(value) if MARK in value else ())
    elif isinstance(value, dict):
        for pair in value.items():
            _collect(pair, into, depth + 1)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            if type(item) is str or type(item) not in PLAIN:
                _collect(item, into, depth + 1)
    elif isinstance(value, Record):
        if value._uid is not None:
            into.add(value._uid)
        for item in value.__dict__.values():
            _collect(item, into, depth + 1)
