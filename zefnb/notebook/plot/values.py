"""The values of messages that a chart draws: numbers for y, and numbers or moments for x."""

from __future__ import annotations

import json
import math
from datetime import datetime
from typing import Any

from zefnb.core.time import Time
from zefnb.errors import InvalidValue
from zefnb.net.page.values import content_of, number

# Longer text is not parsed as JSON, because that would block the loop.
LONGEST_TEXT = 100_000
# The difference of larger numbers may be no number, and a chart of them shows nothing.
LARGEST = 1e100
# Numbers in these ranges are seconds and milliseconds since 1970, from 2001 to 2096.
_SECONDS = (1e9, 4e9)
_MILLISECONDS = (1e12, 4e12)


class NotDrawable(Exception):
    """A message or a value that cannot be drawn, and the reason."""


def content(message: Any) -> Any:
    """Return the content of a message; JSON in text and in bytes is read. Raises `NotDrawable`.

    >>> content('{"value": 3}'), content(2.5)
    ({'value': 3}, 2.5)
    """
    found = content_of(message)
    if not isinstance(found, str | bytes):
        return found
    if len(found) > LONGEST_TEXT:
        raise NotDrawable(f"text of more than {LONGEST_TEXT:,} characters")
    try:
        return json.loads(found)
    except (ValueError, RecursionError):
        raise NotDrawable("text that is not JSON") from None


def height(value: Any) -> float:
    """Return a number for y, NaN for a gap. Raises `NotDrawable`.

    >>> height(3), height(None)
    (3.0, nan)
    """
    if value is None:
        return math.nan
    found = value if type(value) is float and value - value == 0 else number(value)
    if found is not None:
        return _drawable(found)
    if _is_infinite(value):
        return math.nan
    raise NotDrawable(f"{kind_of(value)} instead of a number")


def place(value: Any) -> tuple[bool, float]:
    """Return whether a value for x is a moment, and its number: of a moment the seconds since 1970.

    >>> place(3), place('1970-01-01T00:00:05Z'), place(1_700_000_000_000)
    ((False, 3.0), (True, 5.0), (True, 1700000000.0))
    """
    if isinstance(value, str | datetime):
        try:
            value = Time(value)
        except InvalidValue:
            raise NotDrawable(f"{kind_of(value)} instead of a number or a time") from None
    if isinstance(value, Time):
        return True, value.seconds
    found = number(value)
    if found is None:
        raise NotDrawable(f"{kind_of(value)} instead of a number or a time")
    found = _drawable(found)
    if _SECONDS[0] <= found < _SECONDS[1]:
        return True, found
    if _MILLISECONDS[0] <= found < _MILLISECONDS[1]:
        return True, found / 1e3
    return False, found


def _drawable(found: float) -> float:
    if abs(found) > LARGEST:
        raise NotDrawable(f"a number beyond {LARGEST:g}")
    return found


def _is_infinite(value: Any) -> bool:
    try:
        return not isinstance(value, bool) and not math.isfinite(value)
    except (TypeError, ValueError, OverflowError):
        return False


def kind_of(value: Any) -> str:
    """Return the kind of a value in words that no peer has chosen."""
    kinds = {str: "text", bool: "a bool", dict: "a dict", list: "a list", bytes: "bytes", type(None): "None"}
    return kinds.get(type(value), f"a value of type {type(value).__name__}")
