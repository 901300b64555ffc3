"""What leaves the program: values as JSON text and as the content of a frame."""

from __future__ import annotations

import json
import math
import sys
from typing import Any, Literal

from zefnb.core.lasting import TEXTUAL_STILL
from zefnb.core.snapshot import snapshot as snapshot
from zefnb.core.values import converted
from zefnb.errors import FieldError, InvalidValue, UnsupportedType, shown

TEXT, BINARY = 1, 2

# What becomes of NaN and infinity, which JSON does not have.
Nan = Literal["null", "refuse"]
NANS: tuple[Nan, ...] = ("null", "refuse")
# Kinds of numpy's types that always have a form in JSON.
_NUMBERS_AND_TIMES = ("b", "i", "u", "f", "M", "m")
# A tuple, since a union would be made anew with each message.
_BUFFERS = (bytearray, memoryview)
_KEYS = (str, int, float, bool, type(None))
_ALLOWED = "text, bytes, or as JSON: a dict, list, tuple, number, bool, None, entity, Time, or what has a converter"


def to_json_text(value: Any, nan: Nan = "refuse") -> str:
    """Return `value` as JSON text. What types become that JSON does not have is in docs/values.md.

    NaN and infinity raise `InvalidValue`, or become null with `nan='null'`. Raises `InvalidValue` for bytes and for
    cycles, and `UnsupportedType` (a `TypeError`) for a type without a converter.

    >>> from zefnb.core.entity import ET
    >>> to_json_text({'guest': ET.Guest(name='Ada'), 'tags': (1, None)})
    '{"guest": {"type": "Guest", "name": "Ada"}, "tags": [1, null]}'
    >>> to_json_text([float('nan')], nan='null')
    '[null]'
    """
    try:
        return _encode(value)
    except InvalidValue:
        raise
    except (TypeError, ValueError) as error:
        if not _can_be_rewritten(error, nan):
            raise _invalid(error) from None
    except RecursionError:
        raise _too_deep() from None
    try:
        return _encode(_rewritten(value, nan))
    except InvalidValue:
        raise
    except ValueError as error:
        raise _invalid(error) from None
    except RecursionError:
        raise _too_deep() from None


_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=converted).encode


def _can_be_rewritten(error: Exception, nan: Nan) -> bool:
    """Whether the encoder failed because of a key, or of NaN where it becomes null."""
    return isinstance(error, TypeError) or (nan == "null" and str(error).startswith("Out of range float"))


def _rewritten(value: Any, nan: Nan) -> Any:
    """The same value with keys that JSON has, and with null for NaN: for the values at which the encoder fails."""
    if isinstance(value, float):
        return value if nan == "refuse" or math.isfinite(value) else None
    if isinstance(value, dict):
        return _with_text_keys(value, nan)
    if isinstance(value, list | tuple):
        return [_rewritten(item, nan) for item in value]
    if isinstance(value, str | int | None):
        return value
    return _rewritten(converted(value), nan)


def _with_text_keys(value: dict[Any, Any], nan: Nan) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, item in value.items():
        text = _key_text(key, nan)
        if text in made:
            raise InvalidValue("JSON", [FieldError("value", f"several keys become {shown(text)}")], part="several keys")
        made[text] = _rewritten(item, nan)
    return made


def _key_text(key: Any, nan: Nan) -> str:
    plain = key
    while not isinstance(plain, _KEYS):
        if isinstance(plain, dict | list | tuple | bytes):
            raise _no_key(key)
        plain = converted(plain)
    return plain if isinstance(plain, str) else _encode(_rewritten(plain, nan))


def _no_key(key: Any) -> UnsupportedType:
    name = type(key).__name__
    problem = f"a key of type {name} has no form in JSON: got {shown(key)}"
    allowed = "keys that become text, a number, a bool or None"
    return UnsupportedType("JSON", [FieldError("value", problem, allowed)], part=f"key of type {name}")


def _invalid(error: Exception) -> InvalidValue:
    """What the JSON encoder's `ValueError` says, in terms of the value."""
    said = str(error)
    if "Circular" in said:
        problem, allowed = "it contains itself", ""
    elif "digits" in said:
        problem = "it has an int of too many digits"
        allowed = f"{sys.get_int_max_str_digits():,} digits at most"
    else:
        problem, allowed = "NaN and infinity are not in JSON", "finite numbers"
    return InvalidValue("JSON", [FieldError("value", problem, allowed)], part=problem)


def _too_deep() -> InvalidValue:
    problem = "it is nested too deeply"
    return InvalidValue("JSON", [FieldError("value", problem)], part=problem)


def check_content(content: Any) -> None:
    """Raise `InvalidValue` for content that no frame can carry: what `encode_content` raises with `nan='null'`."""
    if not _can_be_encoded(content):
        encode_content(content, "null")


def _can_be_encoded(value: Any) -> bool:
    """Whether the types alone say so. Arrays of numbers are large, and need not be encoded to know it."""
    cls = type(value)
    if cls is dict:
        return all(type(key) is str and _can_be_encoded(item) for key, item in value.items())
    if cls is list or cls is tuple:
        return all(map(_can_be_encoded, value))
    if cls in TEXTUAL_STILL:
        return True
    return getattr(getattr(value, "dtype", None), "kind", "") in _NUMBERS_AND_TIMES


def encode_content(content: Any, nan: Nan = "refuse") -> tuple[int, bytes]:
    """The opcode and the payload of the frame that carries `content`; `InvalidValue` for what none can.

    >>> encode_content('hi'), encode_content(b'hi'), encode_content([1, True])
    ((1, b'hi'), (2, b'hi'), (1, b'[1, true]'))
    """
    try:
        if isinstance(content, str):
            return TEXT, content.encode()
        if isinstance(content, bytes):
            return BINARY, content
        if isinstance(content, _BUFFERS):
            return BINARY, bytes(content)
        return TEXT, to_json_text(content, nan).encode()
    except UnicodeEncodeError:
        problem, part = f"text with half a surrogate pair has no UTF-8: {shown(content)}", "half a surrogate pair"
    except UnsupportedType as error:
        problem, part = error.faults[0].problem, error.part
    raise InvalidValue("content", [FieldError("", problem, _ALLOWED)], part=part)
