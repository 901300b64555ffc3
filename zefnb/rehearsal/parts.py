"""The parts in which two outcomes differ: `state.n`, `effects[0].content`, with the values of then and now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from zefnb.core.copy_rules import PLAIN
from zefnb.core.op import Op
from zefnb.core.record import Record
from zefnb.recording.outcome import Outcome
from zefnb.rehearsal.comparison import Comparison
from zefnb.rehearsal.uids import Uids
from zefnb.text.short_repr import short_repr

MOST_PARTS = 50
_DEEPEST = 20
_LONGEST_KEY = 40


class _Missing:
    """The value of a part that one of the outcomes does not have."""

    def __repr__(self) -> str:
        return "–"


MISSING = _Missing()


class Part(NamedTuple):
    """A part that differs, by its path in the outcome; a value is `MISSING` where there is none."""

    path: str
    then: Any
    now: Any


def parts_of(then: Outcome, now: Outcome, uids: Uids) -> list[Part]:
    """Return the smallest parts in which two outcomes differ, at most `MOST_PARTS`.

    >>> parts_of(Outcome((), {'n': 1, 'm': 1}, None), Outcome((), {'n': 2, 'm': 1}, None), Uids())
    [Part(path="state['n']", then=1, now=2)]
    """
    found = _Parts(uids)
    found.add("effects", then.effects, now.effects)
    found.add("state", then.state, now.state)
    if then.error != now.error:
        found.add_leaf("error", _or_missing(then.error), _or_missing(now.error))
    return found.parts


def _or_missing(error: str | None) -> Any:
    return MISSING if error is None else error


class _Parts:
    def __init__(self, uids: Uids) -> None:
        self._uids = uids
        self.parts: list[Part] = []

    def add_leaf(self, path: str, then: Any, now: Any) -> None:
        """Add a part that has no parts itself."""
        if len(self.parts) < MOST_PARTS:
            self.parts.append(Part(path, then, now))

    def add(self, path: str, then: Any, now: Any, depth: int = 0) -> None:
        """Add the parts of two values, unless they are the same."""
        if len(self.parts) >= MOST_PARTS or self._same(then, now):
            return
        cls = type(then)
        if cls is not type(now) or cls in PLAIN or depth > _DEEPEST:
            self.add_leaf(path, then, now)
        elif cls is list or cls is tuple:
            self._add_items(path, then, now, depth)
        elif cls is dict:
            self._add_fields(path, _keyed(then), _keyed(now), depth)
        elif _is_open(then) and _is_open(now):
            self._add_fields(path, _named(then), _named(now), depth)
        else:
            self.add_leaf(path, then, now)

    def _same(self, then: Any, now: Any) -> bool:
        mark = self._uids.mark()
        try:
            is_same = Comparison(self._uids).same(then, now)
        except RecursionError:  # they contain themselves
            is_same = Comparison(self._uids, may_be_circular=True).same(then, now)
        if not is_same:
            self._uids.forget_since(mark)
        return is_same

    def _add_fields(self, path: str, then: dict[str, Any], now: dict[str, Any], depth: int) -> None:
        before = len(self.parts)
        for name in dict.fromkeys((*then, *now)):
            if name in then and name in now:
                self.add(path + name, then[name], now[name], depth + 1)
            else:
                self.add_leaf(path + name, then.get(name, MISSING), now.get(name, MISSING))
        if len(self.parts) == before:  # the difference is not in the fields
            self.add_leaf(path, then, now)

    def _add_items(self, path: str, then: Sequence[Any], now: Sequence[Any], depth: int) -> None:
        """Add the items between the same ones at the beginning and at the end."""
        shorter = min(len(then), len(now))
        begin = 0
        while begin < shorter and self._same(then[begin], now[begin]):
            begin += 1
        end = 0
        if len(then) != len(now):
            while end < shorter - begin and self._same(then[-1 - end], now[-1 - end]):
                end += 1
        rest_then, rest_now = then[begin : len(then) - end], now[begin : len(now) - end]
        for at in range(max(len(rest_then), len(rest_now))):
            where = f"{path}[{begin + at}]"
            if at < len(rest_then) and at < len(rest_now):
                self.add(where, rest_then[at], rest_now[at], depth + 1)
            else:
                ends = [rest[at] if at < len(rest) else MISSING for rest in (rest_then, rest_now)]
                self.add_leaf(where, *ends)
            if len(self.parts) >= MOST_PARTS:
                return


def _keyed(value: dict[Any, Any]) -> dict[str, Any]:
    return {f"[{_key(key)}]": item for key, item in value.items()}


def _named(value: Any) -> dict[str, Any]:
    return {f".{name}": item for name, item in value.__dict__.items()}


def _key(key: Any) -> str:
    return short_repr(key, _LONGEST_KEY)


def _is_open(value: Any) -> bool:
    """Whether a difference is in the fields or attributes of a value."""
    if isinstance(value, Record):
        return value._uid is None
    return type(getattr(value, "__dict__", None)) is dict and not isinstance(value, type | Op)
