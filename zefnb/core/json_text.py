"""JSON text of peers: parsed in bounded time, and only what RFC 8259 allows."""

from __future__ import annotations

import json
import math
import re
from itertools import accumulate
from typing import Any, NoReturn

# How deeply arrays and objects may be nested, so that handlers can copy, compare and send every value.
DEEPEST = 128
# Digits of a whole number. The time to read a number grows with their square.
LONGEST_NUMBER = 4_300

_HALF_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
# The last quotation mark is optional, so that text without it takes no longer.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_STEPS = bytes.maketrans(b"[{]}", b"\x02\x02\x00\x00")
_OTHERS = bytes(set(range(256)) - set(b"[{]}"))


class NotJSON(ValueError):
    """A text that is not JSON, or that exceeds a limit."""


def from_json_text(text: str) -> Any:
    """Return the value of a JSON text. Of several members with one name the last one counts, as in browsers.

    Raises `NotJSON` for NaN and infinity, for a number that no float can represent, for half a surrogate pair, and
    above the limits of this module.

    >>> from_json_text('{"a": [1, 2.5, null]}')
    {'a': [1, 2.5, None]}
    """
    if text.count("[") + text.count("{") > DEEPEST and _depth(text.encode()) > DEEPEST:
        raise NotJSON(f"nested more than {DEEPEST} deep")
    try:
        value = _decode(text)
    except json.JSONDecodeError as error:
        raise NotJSON(f"{error.msg} at position {error.pos}") from None
    if _HALF_SURROGATE.search(text):
        _check_surrogates(value)
    return value


def _depth(data: bytes) -> int:
    """The depth of the brackets outside of strings."""
    steps = _STRING.sub(b"", data).translate(_STEPS, _OTHERS)
    return max(accumulate(step - 1 for step in steps), default=0)


def _check_surrogates(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise NotJSON("half a surrogate pair") from None


def _constant(name: str) -> NoReturn:
    raise NotJSON(f"{name} is not in JSON")


def _whole_number(digits: str) -> int:
    if len(digits) > LONGEST_NUMBER:
        raise NotJSON(f"a number of more than {LONGEST_NUMBER:,} digits")
    return int(digits)


def _number(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise NotJSON("a number that is too large")
    return number


_decode = json.JSONDecoder(parse_constant=_constant, parse_int=_whole_number, parse_float=_number).decode
