"""The values of messages that a chart draws: numbers for y, and numbers or moments for x."""

from __future__ import annotations

import json
import math
from datetime import timedelta
from typing import Any

from zefnb.core.time import time_of
from zefnb.errors import InvalidValue, UnsupportedType
from zefnb.net.page.values import content_of, is_number
from zefnb.text.short_repr import class_name

# Longer text is not parsed as JSON, because that would block the loop.
LONGEST_TEXT = 100_000
# The difference of larger numbers may be no number, and a chart of them shows nothing.
LARGEST = 1e100
# Numbers in these ranges are seconds and milliseconds since 1970, from 2001 to 2096.
_SECONDS = (1e9, 4e9)
_MILLISECONDS = (1e12, 4e12)
# The types of nearly all values.
PLAIN = frozenset((int, float))
_PLACE = "a number or a time"


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
    """Return a number for y; NaN and infinity are gaps. Raises `NotDrawable`, or what the methods of the value raise.

    >>> height(3), height(None), height(math.inf)
    (3.0, nan, inf)
    """
    # First the values of nearly all messages.
    if type(value) in PLAIN and -LARGEST <= value <= LARGEST:
        return float(value)
    return math.nan if value is None else _number(value, "a number")


def place(value: Any) -> tuple[bool, float]:
    """Return whether a value for x is a moment, and its number: of a moment the seconds since 1970.

    A duration is its seconds. Raises `NotDrawable`, or what the methods of the value raise.

    >>> place(3), place('1970-01-01T00:00:05Z'), place(1_700_000_000_000)
    ((False, 3.0), (True, 5.0), (True, 1700000000.0))
    """
    if type(value) in PLAIN and -LARGEST <= value <= LARGEST:
        found = float(value)
    else:
        try:
            moment = time_of(value)
        except InvalidValue:
            raise NotDrawable(f"{kind_of(value)} instead of {_PLACE}") from None
        if moment is not None:
            return (False, moment.total_seconds()) if isinstance(moment, timedelta) else (True, moment.seconds)
        found = _number(value, _PLACE)
        if not math.isfinite(found):
            raise NotDrawable(f"{'NaN' if math.isnan(found) else 'infinity'} instead of {_PLACE}")
    if _SECONDS[0] <= found < _SECONDS[1]:
        return True, found
    if _MILLISECONDS[0] <= found < _MILLISECONDS[1]:
        return True, found / 1e3
    return False, found


def _number(value: Any, wanted: str) -> float:
    """Return a number of any kind, NaN and infinity too. Raises `NotDrawable` for one that is too large."""
    try:
        found = float(value) if is_number(value) else None
    except OverflowError:
        found = 2 * LARGEST
    except (TypeError, ValueError):
        found = None
    if found is None:
        raise NotDrawable(f"{kind_of(value)} instead of {wanted}")
    if LARGEST < abs(found) < math.inf:
        raise NotDrawable(f"a number beyond {LARGEST:g}")
    return found


def why_not(error: Exception, value: Any) -> str:
    """Return the reason why a value cannot be drawn, whose reading raised an error.

    >>> why_not(NotDrawable('text instead of a number'), 'a'), why_not(KeyError(1), [])
    ('text instead of a number', 'a list whose methods raised KeyError')
    """
    if isinstance(error, NotDrawable):
        return str(error)
    if isinstance(error, UnsupportedType | InvalidValue):
        return f"{kind_of(value)} that JSON has no form for"
    return f"{kind_of(value)} whose methods raised {class_name(error)}"


def kind_of(value: Any) -> str:
    """Return the kind of a value in words that no peer has chosen."""
    kinds = {str: "text", bool: "a bool", dict: "a dict", list: "a list", bytes: "bytes", type(None): "None"}
    return kinds.get(type(value), f"a value of type {class_name(value)}")
