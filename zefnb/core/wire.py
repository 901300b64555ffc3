"""The wire format: values as JSON text and as the content of a frame."""

from __future__ import annotations

import json
import sys
from typing import Any

from zefnb.core.entity import Entity
from zefnb.core.snapshot import snapshot as snapshot
from zefnb.core.time import Time
from zefnb.errors import FieldError, InvalidValue, shown

TEXT, BINARY = 1, 2

_AS_JSON = (dict, list, tuple, int, float, type(None), Entity, Time)
_ALLOWED = "text, bytes, or as JSON: a dict, list, tuple, number, bool, None, entity or Time"


def to_json_text(value: Any) -> str:
    """Return `value` as JSON text. An entity becomes an object with its type, its uid (if any) and its fields.

    Sets become lists, a `Time` becomes its text, and numpy numbers become plain numbers. Raises `InvalidValue` for
    bytes, for NaN and infinity (not in JSON, RFC 8259, section 6) and for cycles, `TypeError` for any other type.

    >>> from zefnb.core.entity import ET
    >>> to_json_text({'guest': ET.Guest(name='Ada'), 'tags': (1, None)})
    '{"guest": {"type": "Guest", "name": "Ada"}, "tags": [1, null]}'
    """
    try:
        return _encode(value)
    except InvalidValue:
        raise
    except ValueError as error:
        raise InvalidValue("JSON", [_fault(str(error))]) from None
    except RecursionError:
        raise InvalidValue("JSON", [FieldError("value", "it is nested too deeply")]) from None


def _fault(message: str) -> FieldError:
    """Return the `FieldError` for a `ValueError` of the JSON encoder."""
    if "Circular" in message:
        return FieldError("value", "it contains itself")
    if "digits" in message:
        return FieldError(
            "value", "it has an int of too many digits", f"{sys.get_int_max_str_digits():,} digits at most"
        )
    return FieldError("value", "NaN and infinity are not in JSON", "finite numbers")


def _plain(value: Any) -> Any:
    """Convert a value that the JSON encoder does not support to one that it does."""
    if isinstance(value, Entity):
        named: dict[str, Any] = {"type": type(value).__name__}
        if value._uid is not None:
            named["uid"] = value._uid
        return {**named, **value.__dict__}
    if isinstance(value, Time):
        return str(value)
    if isinstance(value, set | frozenset):
        return list(value)
    if isinstance(value, bytes | bytearray | memoryview):
        hint = "Send bytes by themselves, as a binary message, or decode them"
        raise InvalidValue(
            "JSON", [FieldError("value", f"got {shown(value)}", "types of JSON, which has no bytes", hint)]
        )
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        number = value.item()
        if type(number) is not type(value):
            return number
    hint = "; its .tolist() can" if hasattr(value, "tolist") else ""
    raise TypeError(f"a value of type {type(value).__name__} cannot be JSON{hint}")


_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=_plain).encode


def encode_content(content: Any) -> tuple[int, bytes]:
    """Return the opcode and the payload of the frame for `content`. Raises `InvalidValue` if no frame can carry it.

    >>> encode_content('hi'), encode_content(b'hi'), encode_content([1, True])
    ((1, b'hi'), (2, b'hi'), (1, b'[1, true]'))
    """
    try:
        if isinstance(content, str):
            return TEXT, content.encode()
        if isinstance(content, bytes):
            return BINARY, content
        if isinstance(content, _AS_JSON):
            return TEXT, to_json_text(content).encode()
        if isinstance(content, bytearray | memoryview):
            return BINARY, bytes(content)
        problem = f"got {shown(content)}"
    except UnicodeEncodeError:
        problem = f"text with half a surrogate pair has no UTF-8: {shown(content)}"
    except TypeError as error:
        problem = str(error)
    raise InvalidValue("content", [FieldError("", problem, _ALLOWED)])
