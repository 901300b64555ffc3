"""Ops for bytes: conversion from and to `Array1[u8]`, the content of binary frames in topic mode."""

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
    # Text is not a list of numbers, and mappings and sets have no meaningful order.
    if isinstance(value, Iterable) and not isinstance(value, str | Mapping | Set):
        try:
            # A list converts the numbers of an array; `bytes` alone would copy its memory.
            return bytes(list(value))
        except (TypeError, ValueError):
            pass
    raise InvalidValue(subject, [FieldError("value", f"got {shown(value)}", "Array1[u8], bytes or numbers 0 to 255")])


@op(inline=True)
def array_to_bytes(value: Any) -> bytes:
    """Convert an `Array1[u8]` to `bytes`.

    Args:
        value: An `Array1[u8]`, other bytes, or numbers from 0 to 255; not text.

    Returns:
        The bytes.

    Raises:
        InvalidValue: The value is of another type.

    >>> [104, 105] | array_to_bytes | collect
    b'hi'
    """
    return value if type(value) is bytes else _bytes_of("array_to_bytes", value)


@op(inline=True)
def bytes_to_array(value: Any) -> ByteArray:
    """Convert bytes to an `Array1[u8]`.

    Args:
        value: Bytes, or numbers from 0 to 255; not text.

    Returns:
        The array.

    Raises:
        InvalidValue: The value is of another type.

    >>> b'hi' | bytes_to_array | collect
    Array1[u8](b'hi')
    """
    return ByteArray(_bytes_of("bytes_to_array", value))
