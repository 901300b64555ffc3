"""Outlines: copies of the beginnings of values, enough to show the values later."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any

from zefnb.core.copy_rules import PLAIN, PLAIN_OR_HANDLE
from zefnb.core.record import Record, assemble
from zefnb.core.secret_fields import PRIVATE_FIELDS
from zefnb.text.short_repr import LONGEST

# A line of the journal shows `LONGEST` characters: an item and its comma have three at least, a container two.
_MAX_ITEMS = 32
_MAX_CONTAINERS = 48
_MAX_BYTES = 1_024

# The finished outlines by the identity of their originals.
_Finished = dict[int, Any]


def outline(value: Any) -> Any:
    """Return a copy of the first items of `value`, at all levels; objects are not copied.

    It copies dicts, lists, tuples, sets, bytearrays and records, without the fields that the journal does not show. The
    time that it takes does not grow with the value.

    >>> said = ['hello']
    >>> before = outline({'said': said, 'n': 1}); said.append('changed'); before
    {'said': ['hello'], 'n': 1}
    """
    cls = type(value)
    if cls in PLAIN:
        return value
    if cls is dict and len(value) <= _MAX_ITEMS:  # the most frequent one, without further calls
        made = value.copy()
        for item in made.values():
            if type(item) not in PLAIN:
                _outline_items(made, {id(value): made})
                break
        return made
    return _outline(value, {})


def _outline(value: Any, finished: _Finished) -> Any:
    cls = type(value)
    read = _READERS.get(cls)
    if read is None:
        if not issubclass(cls, Record) or cls in PLAIN_OR_HANDLE:
            return value
        read = _record
    if id(value) in finished:
        return finished[id(value)]
    return read(value, finished) if len(finished) < _MAX_CONTAINERS else value


def _dict(value: dict[Any, Any], finished: _Finished) -> dict[Any, Any]:
    made = value.copy() if len(value) <= _MAX_ITEMS else dict(islice(value.items(), _MAX_ITEMS))
    finished[id(value)] = made
    _outline_items(made, finished)
    return made


def _outline_items(made: dict[Any, Any], finished: _Finished) -> None:
    """Replace the items of a new dict by outlines."""
    for key, item in made.items():
        if type(item) not in PLAIN:
            made[key] = _outline(item, finished)


def _list(value: list[Any], finished: _Finished) -> list[Any]:
    made = finished[id(value)] = value[:_MAX_ITEMS]
    if PLAIN.issuperset(map(type, made)):
        return made
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
        if type(field) in PLAIN_OR_HANDLE or name in PRIVATE_FIELDS:
            continue
        if (made := _outline(field, finished)) is not field:
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
