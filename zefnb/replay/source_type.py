"""The type of the fields that take messages from anywhere: recordings, tables, lists, iterators and generators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zefnb.core.record import Record
from zefnb.core.types import Matcher
from zefnb.errors import FieldError, shown

# Iterable, but not messages in an order.
_REFUSED = (str, bytes, bytearray, memoryview, Mapping, set, frozenset, Record, type)


def is_source(value: object) -> bool:
    """Whether `value` has messages in an order.

    >>> [is_source(value) for value in ([1], iter([1]), range(3), 'text', {'a': 1}, {1, 2}, 3)]
    [True, True, True, False, False, False, False]
    """
    cls = type(value)
    if cls is list or cls is tuple:
        return True
    if isinstance(value, _REFUSED) or cls.__name__ == "LazyFrame":
        return False
    return hasattr(cls, "__iter__") or (hasattr(cls, "__getitem__") and hasattr(cls, "__len__"))


class SourceType:
    """The pattern that matches sources. Its name for readers is a list of them."""

    __slots__ = ()

    def __pattern__(self) -> Matcher:
        return Matcher(by_type=None, test=is_source)

    def __faults__(self, name: str, value: Any) -> list[FieldError]:
        return [FieldError(name, f"got {shown(value)}", repr(self), _hint(value))]

    def __repr__(self) -> str:
        return "a list, an iterator, a generator, a table of pandas or polars, or a recording"


def _hint(value: Any) -> str:
    if isinstance(value, str | bytes | bytearray | memoryview | Mapping | Record):
        return "A single message is a list, too: [message]"
    if isinstance(value, set | frozenset):
        return "A set has no order: sorted(...)"
    if type(value).__name__ == "LazyFrame":
        return "Collect it first: frame.collect()"
    import inspect  # here, since it is slow to import and seldom needed

    if inspect.isgeneratorfunction(value):
        return "Call it: it is a generator function"
    return ""


ANY_SOURCE = SourceType()
