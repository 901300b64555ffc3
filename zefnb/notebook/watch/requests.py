"""Requests of live views: JSON objects, read strictly, since what sends them may be anything."""

from __future__ import annotations

import base64
import json
from typing import Any, NoReturn

from zefnb.errors import FieldError, InvalidValue, shown

Request = dict[str, Any]

_UNSUPPORTED = 1003
_INVALID = 1007


class Malformed(Exception):
    """A message that is no request at all: whoever sends it is no view of ours, or a broken one.

    `code` and `reason` are those to close its connection with (RFC 6455, section 7.4.1).
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def parsed(text: str | bytes) -> Request:
    """The JSON object (RFC 8259) in `text`, its names unique; `Malformed` for anything else.

    >>> parsed('{"do": "poll"}')
    {'do': 'poll'}
    """
    if not isinstance(text, str):
        raise Malformed(_UNSUPPORTED, "a live table sends text, not bytes")
    try:
        request = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        raise Malformed(_INVALID, "this is no JSON") from None
    if not isinstance(request, dict):
        raise Malformed(_INVALID, "this is no JSON object")
    return request


def _refuse_constant(name: str) -> NoReturn:
    # Python reads NaN and Infinity, and would write them into an answer that no browser can read.
    raise ValueError(name)


def _unique(pairs: list[tuple[str, Any]]) -> Request:
    request = dict(pairs)
    if len(request) != len(pairs):
        raise ValueError("a name is there twice")
    return request


def request_number(request: Request) -> int | None:
    """The number by which the sender knows its request, `None` when it wants no answer."""
    number = request.get("id")
    if number is None or (type(number) is int and 0 <= number < 1 << 53):
        return number
    raise Malformed(_INVALID, "a request's id is a whole number")


def optional_text(request: Request, field: str, old: str | None, longest: int = 1_000) -> str | None:
    """A text that may be missing (then it is `old`) or null."""
    value = request.get(field, old)
    if value is None or (isinstance(value, str) and len(value) <= longest):
        return value
    raise InvalidValue("request", [FieldError(field, f"got {shown(value)}", f"text of {longest:,} characters at most")])


def whole_number(request: Request, field: str, old: int, least: int, most: int) -> int:
    """A number within bounds; `old` when it is missing."""
    value = request.get(field, old)
    if type(value) is int and least <= value <= most:
        return value
    raise InvalidValue("request", [FieldError(field, f"got {shown(value)}", f"a whole number from {least} to {most}")])


def content_of(request: Request) -> Any:
    """What a person wrote into a box, as they said it is meant: text, JSON, hex or base64."""
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
