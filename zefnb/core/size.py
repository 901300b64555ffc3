"""The size of content: about how many bytes it takes, for limits that must be cheap to check."""

from __future__ import annotations

from collections import deque
from itertools import chain
from sys import getsizeof
from typing import Any

from zefnb.core.copy_rules import PLAIN
from zefnb.core.types import ByteArray
from zefnb.core.wire import NO_VALUE, Encoded

# Bytes. Larger content is not measured to its end, which content that contains itself does not have.
_ENOUGH = 16 << 20
_CONTAINER = 64
# Parts of a value that are copied in a millisecond or two.
_MANY_PARTS = 2_000
_LISTS = frozenset((list, tuple, set, frozenset, deque))
# Bytes below which content is small, and how many small ones one measurement stands for. The number is odd, so that
# content that alternates between two sizes is measured in both.
_SMALL = 16 << 10
_SAMPLED = 7


def rough_size(content: Any) -> int:
    """Return about how many bytes of memory `content` takes, and 0 for a number. It runs no code of its types.

    The parts of lists, dicts, sets, entities and objects with attributes count, and the bytes of arrays. A part that
    occurs twice counts twice, since it is sent twice.

    >>> rough_size('a' * 10_000) // 1_000, rough_size({'rows': ['a' * 10_000] * 3}) // 1_000
    (10, 30)
    """
    cls = type(content)
    if cls is str or cls is bytes:
        return len(content)
    if cls in PLAIN:
        return len(content) if cls is ByteArray else 0
    if cls is Encoded:
        text: int = content.size
        return text if content.value is NO_VALUE else text + rough_size(content.value)
    parts = content.values() if cls is dict else _parts_of(content)
    if parts and PLAIN.issuperset(map(type, parts)):  # the most frequent case
        return sum(map(getsizeof, parts))
    if cls is list and set(map(type, content)) == {dict}:  # rows, by loops in C
        parts = list(chain.from_iterable(map(dict.values, content)))
        if PLAIN.issuperset(map(type, parts)):
            return _CONTAINER * (len(content) + 1) + sum(map(getsizeof, parts))
    size, ahead = 0, [content]
    while ahead and size < _ENOUGH:
        part = ahead.pop()
        parts = _parts_of(part)
        size += _CONTAINER
        if PLAIN.issuperset(map(type, parts)):
            size += sum(map(getsizeof, parts)) if parts else _array_size(part)
        else:
            size += sum([getsizeof(each) for each in parts if type(each) in PLAIN])
            ahead += [each for each in parts if type(each) not in PLAIN]
    return size


def has_many_parts(value: Any) -> bool:
    """Whether `value` has so many parts, or such parts, that a copy of it may take more than a millisecond or two.

    It counts only so far, and runs no code of the parts.

    >>> has_many_parts({'rows': [[1, 2]] * 10}), has_many_parts({'rows': [[1, 2]] * 10_000})
    (False, True)
    """
    left, ahead = _MANY_PARTS, [value]
    while ahead:
        part = ahead.pop()
        if hasattr(type(part), "__deepcopy__") and hasattr(type(part), "__len__"):
            return True  # an array or a table, whose size has no common name
        parts = _parts_of(part)
        left -= len(parts) or _array_size(part) >> 10
        if left < 0:
            return True
        ahead += [each for each in parts if type(each) not in PLAIN]
    return False


class SizeEstimate:
    """Estimates the sizes of contents in a row. While they are small, it measures one in seven and counts it as seven.

    For any thread. Threads that estimate at the same time may measure more or less often.

    >>> sizes = SizeEstimate()
    >>> [sizes.estimate('text'), sizes.estimate([1.5, 2.5]), sizes.estimate([1.5, 2.5])]
    [4, 336, 0]
    """

    __slots__ = ("left_out",)

    def __init__(self) -> None:
        # How many of the next contents other than text and bytes are not measured.
        self.left_out = 0

    def estimate(self, content: Any) -> int:
        """Return about how many bytes to count for `content`."""
        cls = type(content)
        if cls is str or cls is bytes:
            return len(content)
        if self.left_out:
            self.left_out -= 1
            return 0
        size = rough_size(content)
        if size >= _SMALL:
            return size
        self.left_out = _SAMPLED - 1
        return size * _SAMPLED


def _parts_of(part: Any) -> Any:
    cls = type(part)
    if cls in _LISTS:
        return part
    if issubclass(cls, dict):
        return dict.values(part)
    fields = getattr(part, "__dict__", None)
    return fields.values() if type(fields) is dict else ()


def _array_size(part: Any) -> int:
    """Return the size of a value without parts, which may be an array."""
    if type(part) is bytearray:
        return len(part)
    size = 0 if hasattr(part, "__dict__") else getattr(part, "nbytes", 0)
    return size if type(size) is int else 0
