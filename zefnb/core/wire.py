"""The wire format: values as JSON text and as the content of a frame."""

from __future__ import annotations

import json
import math
import sys
from typing import Any, Literal

from zefnb.core.snapshot import snapshot as snapshot
from zefnb.errors import FieldError, InvalidValue, LateText, UnsupportedType, shown

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
    return _json(value, nan)[0]


def _json(value: Any, nan: Nan) -> tuple[str, bool]:
    """Return the JSON text of `value`, and whether it is the same for every `nan`."""
    try:
        try:
            return _encode(value), True
        except InvalidValue:
            raise
        except (TypeError, ValueError) as error:
            if not _can_be_rewritten(error, nan):
                raise
        return _encode(_rewritten(value, nan)), False
    except InvalidValue as error:
        raise _with_place(error, value) from error.__cause__
    except (TypeError, ValueError) as error:
        raise _invalid(error, value) from None
    except RecursionError:
        raise _too_deep() from None


def encode_json(value: Any, nan: Nan = "refuse") -> bytes:
    """Return `value` as JSON in UTF-8. Raises as `to_json_text` does, and `InvalidValue` for half a surrogate pair."""
    try:
        return to_json_text(value, nan).encode()
    except UnicodeEncodeError:
        raise _half_a_pair(value, "JSON: value") from None


def _load_converters(value: Any) -> Any:
    from zefnb.core.values import converted

    vars(_encoder)["default"] = converted
    return converted(value)


# Calls its `default` for values that it does not support.
_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=_load_converters)


def _encode_in_c(value: Any) -> str:
    """Return the same as `_encoder.encode`, which defines a function for each call: it takes 0.7 of the time."""
    encode = _make_encoder({}, _encoder.default, _encode_text, None, ": ", ", ", False, False, False)
    return "".join(encode(value, 0))


_make_encoder: Any = getattr(json.encoder, "c_make_encoder", None)
_encode_text = json.encoder.encode_basestring
_encode = _encoder.encode if _make_encoder is None else _encode_in_c


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
    # Its text is made when it is read, which is not on the loop: the `__repr__` of a part of the key may take time.
    problem = LateText(lambda: f"a key of type {name} has no form in JSON: got {shown(key)}")
    allowed = "keys that become text, a number, a bool or None"
    return UnsupportedType("JSON", [FieldError("value", problem, allowed)], part=f"key of type {name}")


def _with_place(error: InvalidValue, value: Any) -> InvalidValue:
    """Return the error of a converter, or of a key, with the place in `value` where it was raised."""
    from zefnb.core.place import place_of

    if len(error.faults) != 1:
        return error
    fault = error.faults[0]._replace(field=f"value{place_of(value, lambda part: False)[0]}")
    return type(error)("JSON", [fault], part=error.part)


def _invalid(error: Exception, value: Any) -> InvalidValue:
    """Return the error for an exception of the JSON encoder."""
    from zefnb.core.place import is_not_finite, is_too_long, place_of

    message, place = str(error), ""
    if "Circular" in message:
        problem, allowed = "it contains itself", ""
    elif "digits" in message:
        problem, place = "it has an int of too many digits", place_of(value, is_too_long)[0]
        allowed = f"{sys.get_int_max_str_digits():,} digits at most"
    else:
        problem, place = "NaN and infinity are not in JSON", place_of(value, is_not_finite)[0]
        allowed = "finite numbers"
    return InvalidValue("JSON", [FieldError(f"value{place}", problem, allowed)], part=problem)


def _too_deep() -> InvalidValue:
    problem = "it is nested too deeply"
    return InvalidValue("JSON", [FieldError("value", problem)], part=problem)


# The value of an `Encoded` without one.
NO_VALUE: Any = object()


class Encoded:
    """A value that JSON describes, with its JSON text in UTF-8: it is encoded once, where it is published.

    Without a value (`NO_VALUE`) only the text is published. It is then the same for every `nan`.

    >>> Encoded([1, True]).frame('null')
    (1, b'[1, true]')
    """

    __slots__ = ("_is_exact", "_payload", "value")

    def __init__(self, value: Any) -> None:
        self.value = value
        try:
            try:
                text, self._is_exact = _encode(value), True
            except Exception:  # also of a converter; it is raised again, or what is wrong becomes null
                text, self._is_exact = _json(value, "null")
            self._payload = text.encode()
        except (InvalidValue, UnicodeEncodeError) as error:
            raise _of_content(error, value) from error.__cause__

    @property
    def is_exact(self) -> bool:
        """Whether the text is the same for every `nan`."""
        return self._is_exact

    @property
    def size(self) -> int:
        """The bytes of the text."""
        return len(self._payload)

    def frame(self, nan: Nan) -> tuple[int, bytes]:
        """Return the opcode and the payload. Raises `InvalidValue` for a NaN that is refused."""
        return (TEXT, self._payload) if nan == "null" or self._is_exact else encode_content(self.value, nan)


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
        if type(content) is Encoded:
            return content.frame(nan)
        if isinstance(content, _BUFFERS):
            return BINARY, bytes(content)
        return TEXT, _json(content, nan)[0].encode()
    except (InvalidValue, UnicodeEncodeError) as error:
        raise _of_content(error, content) from error.__cause__


def checked(content: Any) -> Any:
    """Return text and bytes as they are, and other content encoded. Raises `InvalidValue` if no frame can carry it."""
    if isinstance(content, str):
        encode_content(content)
        return content
    return content if isinstance(content, bytes | bytearray | memoryview) else Encoded(content)


def encode_text(text: str, name: str) -> bytes:
    """Return `text` as UTF-8. Raises `InvalidValue` for half a surrogate pair; `name` is the name of the text."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise _half_a_pair(text, name) from None


def _of_content(error: Exception, content: Any) -> InvalidValue:
    """Return an error of JSON or UTF-8 as one of the content of a frame, which may also be text or bytes."""
    if not isinstance(error, InvalidValue):
        return _half_a_pair(content, "content")
    fault = error.faults[0]
    if len(error.faults) > 1 or not fault.field.startswith("value"):
        return error
    place = fault.field.removeprefix("value")
    allowed, hint = (_ALLOWED, "") if isinstance(error, UnsupportedType) else (fault.allowed, fault.hint)
    return InvalidValue(f"content{place}", [FieldError("", fault.problem, allowed, hint)], part=error.part)


def _half_a_pair(value: Any, name: str) -> InvalidValue:
    from zefnb.core.place import is_half_a_pair, place_of

    place, text = place_of(value, is_half_a_pair)
    problem = f"text with half a surrogate pair has no UTF-8: {shown(text)}"
    hint = "`text.encode('utf-8', 'replace').decode()` replaces it"
    return InvalidValue(f"{name}{place}", [FieldError("", problem, hint=hint)], part="half a surrogate pair")
