"""Requests of live views: JSON objects, parsed strictly, because any program can be the sender."""

from __future__ import annotations

import base64
import json
from typing import Any, NoReturn

from zefnb.errors import FieldError, InvalidValue, shown

Request = dict[str, Any]

_UNSUPPORTED = 1003
_INVALID = 1007


class Malformed(Exception):
    """The message is not a valid request, so the sender is not a view of zefnb, or it has a defect.

    `code` and `reason` are for the close frame to the sender (RFC 6455, section 7.4.1).
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def parsed(text: str | bytes) -> Request:
    """Return the JSON object (RFC 8259) in `text`. Raises `Malformed` for any other text, and for duplicate names.

    >>> parsed('{"do": "poll"}')
    {'do': 'poll'}
    """
    if not isinstance(text, str):
        raise Malformed(_UNSUPPORTED, "a live table sends text, not bytes")
    try:
        request = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        raise Malformed(_INVALID, "the message is not JSON") from None
    if not isinstance(request, dict):
        raise Malformed(_INVALID, "the message is not a JSON object")
    return request


def _refuse_constant(name: str) -> NoReturn:
    # Python accepts NaN and Infinity, but they are not JSON, and a browser could not parse a reply with them.
    raise ValueError(name)


def _unique(pairs: list[tuple[str, Any]]) -> Request:
    request = dict(pairs)
    if len(request) != len(pairs):
        raise ValueError("a name occurs twice")
    return request


def request_number(request: Request) -> int | None:
    """Return the sender's number for its request, or `None` if it expects no reply."""
    number = request.get("id")
    if number is None or (type(number) is int and 0 <= number < 1 << 53):
        return number
    raise Malformed(_INVALID, "the id of a request must be a whole number from 0")


def optional_text(request: Request, field: str, old: str | None, longest: int = 1_000) -> str | None:
    """Return a text field, which can be null; `old` if it is missing."""
    value = request.get(field, old)
    if value is None or (isinstance(value, str) and len(value) <= longest):
        return value
    raise InvalidValue("request", [FieldError(field, f"got {shown(value)}", f"text of {longest:,} characters at most")])


def whole_number(request: Request, field: str, old: int, least: int, most: int) -> int:
    """Return an integer field, which must be within bounds; `old` if it is missing."""
    value = request.get(field, old)
    if type(value) is int and least <= value <= most:
        return value
    raise InvalidValue("request", [FieldError(field, f"got {shown(value)}", f"a whole number from {least} to {most}")])


def content_of(request: Request) -> Any:
    """Return the content of an input box, decoded as the user selected: text, JSON, hex or base64."""
    given, kind = str(request.get("content", "")), request.get("as", "text")
    try:
        if kind == "text":
            return given
        if kind == "json":
            return json.loads(given)
        if kind == "hex":
            return bytes.fromhex(given)
        if kind == "base64":
            return base64.b64decode(given, validate=True)
    except RecursionError:
        raise InvalidValue("content", "this JSON is nested too deeply") from None
    except ValueError as error:
        raise InvalidValue("content", f"this is not {kind}: {error}") from None
    raise InvalidValue("content", [FieldError("as", f"got {shown(kind)}", "text, json, hex or base64")])
