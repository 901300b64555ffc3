"""The wire format: values as JSON text and as the content of a frame."""

from __future__ import annotations

import json
import math
import sys
from typing import Any, Literal

from zefnb.core.copy_rules import TEXTUAL_OR_HANDLE
from zefnb.core.snapshot import snapshot as snapshot
from zefnb.errors import FieldError, InvalidValue, UnsupportedType, shown

TEXT, BINARY = 1, 2

# The treatment of NaN and infinity, which JSON does not have (RFC 8259, section 6).
Nan = Literal["null", "refuse"]
NANS: tuple[Nan, ...] = ("null", "refuse")
# A tuple, since a union would be built for each message.
_BUFFERS = (bytearray, memoryview)
_KEYS = (str, int, float, bool, type(None))
_ALLOWED = "text, bytes, or as JSON: a dict, list, tuple, number, bool, None, entity, Time, or a type with a converter"


def to_json_text(value: Any, nan: Nan = "refuse") -> str:
    """Return `value` as JSON text. docs/values.md describes the conversion of types that JSON does not have.

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


def _load_converters(value: Any) -> Any:
    from zefnb.core.values import converted

    vars(_encoder)["default"] = converted
    return converted(value)


# Calls its `default` for values that it does not support.
_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=_load_converters)
_encode = _encoder.encode


def _can_be_rewritten(error: Exception, nan: Nan) -> bool:
    """Whether the encoder failed because of a key, or because of a NaN that is to be null."""
    return isinstance(error, TypeError) or (nan == "null" and str(error).startswith("Out of range float"))


def _rewritten(value: Any, nan: Nan) -> Any:
    """Return the value with text as keys, and with None for NaN, for values that the encoder cannot encode."""
    if isinstance(value, float):
        return value if nan == "refuse" or math.isfinite(value) else None
    if isinstance(value, dict):
        return _with_text_keys(value, nan)
    if isinstance(value, list | tuple):
        return [_rewritten(item, nan) for item in value]
    if isinstance(value, str | int | None):
        return value
    return _rewritten(_encoder.default(value), nan)


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
        plain = _encoder.default(plain)
    return plain if isinstance(plain, str) else _encode(_rewritten(plain, nan))


def _no_key(key: Any) -> UnsupportedType:
    name = type(key).__name__
    problem = f"a key of type {name} has no form in JSON: got {shown(key)}"
    allowed = "keys that become text, a number, a bool or None"
    return UnsupportedType("JSON", [FieldError("value", problem, allowed)], part=f"key of type {name}")


def _invalid(error: Exception) -> InvalidValue:
    """Return the error for an exception of the JSON encoder."""
    message = str(error)
    if "Circular" in message:
        problem, allowed = "it contains itself", ""
    elif "digits" in message:
        problem = "it has an int of too many digits"
        allowed = f"{sys.get_int_max_str_digits():,} digits at most"
    else:
        problem, allowed = "NaN and infinity are not in JSON", "finite numbers"
    return InvalidValue("JSON", [FieldError("value", problem, allowed)], part=problem)


def _too_deep() -> InvalidValue:
    problem = "it is nested too deeply"
    return InvalidValue("JSON", [FieldError("value", problem)], part=problem)


def check_content(content: Any) -> None:
    """Raise `InvalidValue`, as `encode_content` does with `nan='null'`, for content that no frame can carry."""
    if not _can_be_encoded(content):
        encode_content(content, "null")


def _can_be_encoded(value: Any) -> bool:
    """Whether the types alone guarantee it, so that a large array or frame need not be encoded for the check."""
    cls = type(value)
    if cls is dict:
        return all(type(key) is str and _can_be_encoded(item) for key, item in value.items())
    if cls is list or cls is tuple:
        return all(map(_can_be_encoded, value))
    if cls in TEXTUAL_OR_HANDLE:
        return True
    from zefnb.core.values import is_certain

    return is_certain(value)


def encode_content(content: Any, nan: Nan = "refuse") -> tuple[int, bytes]:
    """Return the opcode and the payload of the frame for `content`. Raises `InvalidValue` if no frame can carry it.

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
