"""Ops for bytes: from what a binary frame is in topic mode, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import Any

from zefnb.core.op import collect, op
from zefnb.core.types import ByteArray
from zefnb.errors import FieldError, InvalidValue, shown

__all__ = ["array_to_bytes", "bytes_to_array", "collect"]


def _bytes_of(subject: str, value: Any) -> bytes:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    # Text is no list of numbers, and of the others the order means nothing.
    if isinstance(value, Iterable) and not isinstance(value, str | Mapping | Set):
        try:
            # Through a list: numpy's and other arrays are to give their numbers, not their memory.
            return bytes(list(value))
        except (TypeError, ValueError):
            pass
    raise InvalidValue(subject, [FieldError("value", f"got {shown(value)}", "Array1[u8], bytes or numbers 0 to 255")])


@op(inline=True)
def array_to_bytes(value: Any) -> bytes:
    """The `Array1[u8]` as `bytes`; takes any bytes and any numbers 0 to 255, but no text.

    >>> [104, 105] | array_to_bytes | collect
    b'hi'
    """
    return value if type(value) is bytes else _bytes_of("array_to_bytes", value)


@op(inline=True)
def bytes_to_array(value: Any) -> ByteArray:
    """The bytes as an `Array1[u8]`; takes numbers 0 to 255, too, but no text.

    >>> b'hi' | bytes_to_array | collect
    Array1[u8](b'hi')
    """
    return ByteArray(_bytes_of("bytes_to_array", value))
