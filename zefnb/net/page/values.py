"""Values of messages as a page shows them: numbers, bools, and short text."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from zefnb.core.entity import ET, Entity
from zefnb.core.record import fields_of
from zefnb.core.wire import to_json_text
from zefnb.text.short_repr import short_repr

LONGEST_TEXT = 1_000
# Larger whole numbers are not exact in a browser.
_LARGEST = 2**53 - 1


def content_of(message: Any) -> Any:
    """The content of a message, without its sender."""
    return fields_of(message).get("content") if type(message) is ET.Sent else message


def fields(content: Any) -> Mapping[Any, Any]:
    """The fields of a dict or an entity; none for other values.

    >>> fields({'a': 1}), fields(ET.Guest(name='Ada')), fields(3)
    ({'a': 1}, {'name': 'Ada'}, {})
    """
    if isinstance(content, Mapping):
        return content
    return fields_of(content) if isinstance(content, Entity) else {}


def cell(value: Any) -> Any:
    """A value as JSON without nesting: text that is not too long, a number, a bool or None.

    >>> cell(2.5), cell('tea'), cell([1, 2]), cell(float('nan')), cell(2**60)
    (2.5, 'tea', '[1, 2]', None, '1152921504606846976')
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value) if abs(value) <= _LARGEST else text(short_repr(int(value), LONGEST_TEXT))
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, str):
        return text(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return f"{len(value)} bytes"
    written = to_json_text(value, "null")
    return text(written[1:-1] if written.startswith('"') else written)


def text(value: str) -> str:
    """Text that is not too long, and that UTF-8 has."""
    value = value if len(value) <= LONGEST_TEXT else value[: LONGEST_TEXT - 1] + "…"
    return value.encode("utf-8", "replace").decode()


def is_number(value: Any) -> bool:
    """Whether a value is a number, also one of another library, and neither a bool nor text.

    >>> is_number(2), is_number('2'), is_number(True)
    (True, False, False)
    """
    if isinstance(value, bool | str | bytes) or not hasattr(type(value), "__float__"):
        return False
    return getattr(getattr(value, "dtype", None), "kind", "") != "b"


def number(value: Any) -> float | None:
    """A finite number, also one of another library; `None` for other values.

    >>> number(2), number('2'), number(True), number(float('inf'))
    (2.0, None, None, None)
    """
    if not is_number(value):
        return None
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None
