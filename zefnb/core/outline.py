"""Outlines: copies of the beginnings of values, enough to show the values later."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any

from zefnb.core.copy_rules import PLAIN, PLAIN_OR_HANDLE
from zefnb.core.record import Record, assemble
from zefnb.text.short_repr import LONGEST

# A line of the journal shows `LONGEST` characters: an item and its comma have three at least, a container two.
_MAX_ITEMS = 32
_MAX_CONTAINERS = 48
_MAX_BYTES = 1_024

# The finished outlines by the identity of their originals.
_Finished = dict[int, Any]


def outline(value: Any) -> Any:
    """Return a copy of the first items of `value`, at all levels; objects are not copied.

    Copied are dicts, lists, tuples, sets, bytearrays and records. It takes a time that does not grow with the value.

    >>> said = ['hello']
    >>> before = outline({'said': said, 'n': 1}); said.append('changed'); before
    {'said': ['hello'], 'n': 1}
    """
    return value if type(value) in PLAIN else _outline(value, {})


def _outline(value: Any, finished: _Finished) -> Any:
    cls = type(value)
    read = _READERS.get(cls)
    if read is None:
        if not issubclass(cls, Record) or cls in PLAIN_OR_HANDLE:
            return value
        read = _record
    if len(finished) >= _MAX_CONTAINERS:
        return value
    known = finished.get(id(value), finished)
    return read(value, finished) if known is finished else known


def _dict(value: dict[Any, Any], finished: _Finished) -> dict[Any, Any]:
    made = value.copy() if len(value) <= _MAX_ITEMS else dict(islice(value.items(), _MAX_ITEMS))
    finished[id(value)] = made
    for key, item in made.items():
        if type(item) not in PLAIN:
            made[key] = _outline(item, finished)
    return made


def _list(value: list[Any], finished: _Finished) -> list[Any]:
    made = finished[id(value)] = value[:_MAX_ITEMS]
    for at, item in enumerate(made):
        if type(item) not in PLAIN:
            made[at] = _outline(item, finished)
    return made


def _set(value: Any, finished: _Finished) -> Any:
    # The items of a set are immutable, or objects.
    return type(value)(islice(value, _MAX_ITEMS))


def _bytearray(value: bytearray, finished: _Finished) -> bytearray:
    return value[:_MAX_BYTES]


def _tuple(value: tuple[Any, ...], finished: _Finished) -> tuple[Any, ...]:
    made = value[:_MAX_ITEMS]
    return made if PLAIN.issuperset(map(type, made)) else tuple([_outline(item, finished) for item in made])


def _record(value: Record, finished: _Finished) -> Any:
    changed: dict[str, Any] = {}
    left = LONGEST
    for name, field in value.__dict__.items():
        if left < 0:  # no line shows more of the fields
            break
        left -= len(name) + 1
        if type(field) not in PLAIN_OR_HANDLE and (made := _outline(field, finished)) is not field:
            changed[name] = made
    return assemble(type(value), value._uid, {**value.__dict__, **changed}) if changed else value


_READERS: dict[type, Callable[[Any, _Finished], Any]] = {
    dict: _dict,
    list: _list,
    set: _set,
    frozenset: _set,
    bytearray: _bytearray,
    tuple: _tuple,
}
