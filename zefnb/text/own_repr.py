"""Whether a class's own `__repr__` is called: only for an object that holds few parts.

Such a method writes the whole object before the text can be cut. In C, as for a long list, nothing else runs meanwhile,
also no other thread.
"""

from __future__ import annotations

import collections
import contextlib
import types
from collections.abc import Iterable
from itertools import chain, islice
from typing import Any

MOST_PARTS = 100_000
# Text and bytes count as one part, and one more for each this many characters.
_CHARACTERS = 64
_DEEPEST = 20
_TEXTS = (str, bytes, bytearray)
_ATOMS = frozenset((*_TEXTS, int, float, bool, type(None)))
_CONTAINERS: tuple[Any, ...] = (list, tuple, set, frozenset, collections.deque)


def is_small(value: object) -> bool:
    """Whether `value` holds at most `MOST_PARTS` parts, in its attributes and the containers in them.

    It runs no code of the value. Objects whose `__repr__` is written in C count as one part, as arrays and data frames
    do, since these shorten their text themselves.
    """
    remaining = MOST_PARTS
    level: list[Any] = [value]
    seen: set[int] = set()
    for _ in range(_DEEPEST):
        level = list(islice(chain.from_iterable([_parts_of(part, seen) for part in level]), remaining + 1))
        remaining -= len(level) + sum([len(part) // _CHARACTERS for part in level if type(part) in _TEXTS])
        if remaining < 0:
            return False
        if not level:
            break
    return True


def _parts_of(value: Any, seen: set[int]) -> Iterable[Any]:
    kind = type(value)
    if kind in _ATOMS:
        return ()
    items: Iterable[Any] = ()
    if issubclass(kind, dict):
        items = chain(dict.keys(value), dict.values(value))
    else:
        for container in _CONTAINERS:
            if issubclass(kind, container):
                items = container.__iter__(value)
    # Attributes count once: objects often refer to each other in circles, and to their classes.
    if type(kind.__repr__) is not types.FunctionType or id(value) in seen or issubclass(kind, type):
        return items
    seen.add(id(value))
    return chain(items, _fields_of(value))


def _fields_of(value: Any) -> Iterable[Any]:
    """Yield the attributes, in `__dict__` and `__slots__`."""
    with contextlib.suppress(AttributeError):
        yield from object.__getattribute__(value, "__dict__").values()
    for base in type(value).__mro__:
        for slot in vars(base).values():
            if type(slot) is types.MemberDescriptorType:
                with contextlib.suppress(AttributeError):  # it has no value yet
                    yield slot.__get__(value)
