"""The place in a value of the part that cannot be encoded, for the text of an error."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from typing import Any

from zefnb.core.copy_rules import PLAIN
from zefnb.core.values import converted
from zefnb.text.controls import shorten
from zefnb.text.secrets import hide_secrets
from zefnb.text.short_repr import short_repr

# A peer may have chosen the keys and the depth.
_LONGEST_KEY = 40
_LONGEST_PLACE = 160

Check = Callable[[Any], bool]
_Found = tuple[str, Any]
_PLAIN = (str, int, float, type(None))


def place_of(value: Any, is_wrong: Check) -> tuple[str, Any]:
    """Return where the first wrong part of `value` is, as code that reads it, and the part.

    A part is wrong if it is a text or a number for which `is_wrong` is true, a key that has no form in JSON, or a value
    that no converter converts. Without such a part the place is an empty text, and the part is the value.

    >>> place_of({'rows': [1.5, float('nan')]}, is_not_finite)
    ("['rows'][1]", nan)
    """
    try:
        found = _found(value, is_wrong)
    except RecursionError:
        found = None
    if found is None:
        return "", value
    return shorten(hide_secrets(found[0]), _LONGEST_PLACE), found[1]


def is_half_a_pair(part: Any) -> bool:
    """Whether a part is text with half of a surrogate pair, which UTF-8 cannot encode."""
    if not isinstance(part, str) or part.isascii():
        return False
    try:
        part.encode()
    except UnicodeEncodeError:
        return True
    return False


def is_too_long(part: Any) -> bool:
    """Whether a part is an int of more digits than Python converts to text."""
    limit = sys.get_int_max_str_digits()
    return isinstance(part, int) and limit > 0 and part.bit_length() > 3 * limit and abs(part) >= 10**limit


def is_not_finite(part: Any) -> bool:
    """Whether a part is NaN or infinity."""
    return isinstance(part, float) and not math.isfinite(part)


def _found(value: Any, is_wrong: Check) -> _Found | None:
    if isinstance(value, _PLAIN):
        return ("", value) if is_wrong(value) else None
    if isinstance(value, dict):
        return _found_in_dict(value, is_wrong)
    if isinstance(value, list | tuple):
        for at, item in enumerate(value):
            if (found := _found(item, is_wrong)) is not None:
                return f"[{at}]{found[0]}", found[1]
        return None
    try:
        plain = converted(value)
    except RecursionError:
        raise
    except Exception:  # a converter of the program may raise any exception
        return "", value
    if isinstance(plain, dict) and not isinstance(value, Mapping):
        return _found_in_fields(plain, is_wrong)
    return _found(plain, is_wrong)


def _found_in_dict(value: dict[Any, Any], is_wrong: Check) -> _Found | None:
    for key, item in value.items():
        if not isinstance(key, _PLAIN) and _is_no_key(key):
            return "", key
        if isinstance(key, _PLAIN) and is_wrong(key):
            return _place(key), key
        if (found := _found(item, is_wrong)) is not None:
            return _place(key) + found[0], found[1]
    return None


def _place(key: Any) -> str:
    # The `__repr__` of another type may take any time, and this may run on the loop.
    return f"[{short_repr(key, _LONGEST_KEY)}]" if type(key) in PLAIN else f"[<{type(key).__name__}>]"


def _found_in_fields(fields: dict[Any, Any], is_wrong: Check) -> _Found | None:
    for name, item in fields.items():
        if (found := _found(item, is_wrong)) is not None:
            return f".{name}{found[0]}", found[1]
    return None


def _is_no_key(key: Any) -> bool:
    while not isinstance(key, _PLAIN):
        if isinstance(key, dict | list | tuple | bytes):
            return True
        try:
            key = converted(key)
        except Exception:  # a converter of the program may raise any exception
            return True
    return False
