"""Responses: converts the value of a route or a handler to an HTTP response, and checks that it can be sent."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from zefnb.core.entity import ET, Entity
from zefnb.core.record import fields_of
from zefnb.core.values import converter_of
from zefnb.core.wire import NANS, encode_json, encode_text
from zefnb.errors import shown
from zefnb.net.http.opened_file import OpenedFile
from zefnb.net.http.response import WITHOUT_BODY, Refusal, Response
from zefnb.net.http.streamed_response import StreamedResponse, is_stream

_ALLOWED = (
    "text, bytes, None, dict, list, a value with a converter, an iterator, "
    "ET.HTML, ET.JSON, ET.Response, ET.Redirect, ET.FromFile"
)
_STATUS_ALLOWED = "a whole number from 200 to 599"
_VALUE_ALLOWED = "visible characters of latin-1, blanks and tabs"
_HEADERS_ALLOWED = "a dict of names and values, or a list of pairs of them, all text"
# RFC 9110, section 5: the characters in names and values of fields.
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(rb"(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?")
# Two readers could interpret a second one of these differently.
_ONCE = (b"content-length", b"content-type", b"location", b"etag", b"last-modified")
_OF_CONTENT = (b"content-length", b"content-type")
_TEXT = "text/plain; charset=utf-8"
# A named pipe without a writer would block.
_FILE = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
# RFC 3986, section 2.2, and `%`: a URL that is already encoded stays as it is.
_SAFE_IN_URL = ":/%#?=@[]!$&'()*+,;"


class InvalidResponse(ValueError):
    """A value that is not a valid response. The text names the field, the given value and the allowed values.

    `part` names the invalid part, in fixed words that no peer can influence: errors in one part are counted together.
    """

    def __init__(self, part: str, text: str) -> None:
        super().__init__(text)
        self.part = part


def response_of(value: Any) -> Response:
    """The HTTP response for a value. Raises `InvalidResponse`."""
    try:
        response = _checked(_response(value))
    except RecursionError:
        raise InvalidResponse("value", f"the response is nested too deeply: {shown(value)}") from None
    status = response.status_code
    return response.without_body(status, _OF_CONTENT) if status in WITHOUT_BODY else response


def plain(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """A line of text.

    Raises `InvalidResponse` when the status or the headers, which a handler may have set, are invalid.
    """
    response = Response(f"{_status(status)} {detail}\n".encode(), status, _TEXT)
    response.add_headers(_headers("headers", {} if headers is None else headers), replace=True)
    return _checked(response)


def _response(value: Any) -> Response:
    if value is None:
        return Response(status_code=204)
    if isinstance(value, str):
        return Response(encode_text(value, "text"), media_type=_TEXT)
    if isinstance(value, bytes | bytearray):
        return Response(bytes(value), media_type="application/octet-stream")
    if is_json(value):
        return _json(value)
    if is_stream(value):
        return StreamedResponse(value)
    given = fields_of(value) if isinstance(value, Entity) else {}
    kind = type(value)
    if kind is ET.HTML:
        content = _field(given, "ET.HTML", "content")
        if not isinstance(content, str | bytes | bytearray | memoryview):
            raise InvalidResponse("field", f"ET.HTML.content is {shown(content)}; allowed: text")
        return Response(_bytes_of(content, "ET.HTML.content"), media_type="text/html; charset=utf-8")
    if kind is ET.JSON:
        return _json(_field(given, "ET.JSON", "content"), given.get("nan", "null"))
    if kind is ET.Redirect:
        url = encode_text(str(_field(given, "ET.Redirect", "url")), "ET.Redirect.url")
        response = Response(status_code=_status(given.get("status", 302)))
        response.set_header("location", quote(url, safe=_SAFE_IN_URL))
        return response
    if kind is ET.FromFile:
        return _file(_field(given, "ET.FromFile", "path"), given.get("media_type"))
    if kind is ET.Response:
        return _full(given)
    raise InvalidResponse("value", f"the response is {shown(value)}; allowed: {_ALLOWED}")


def is_json(value: Any) -> bool:
    """Whether the response for this value is JSON: dicts, lists, and types with a converter (docs/values.md)."""
    if isinstance(value, dict | list):
        return True
    return not isinstance(value, _NOT_JSON) and converter_of(type(value)) is not None


# An entity has its own kind of response, and a tuple usually means something else.
_NOT_JSON = (Entity, str, bytes, bytearray, memoryview, tuple)


def _json(value: Any, nan: Any = "null") -> Response:
    if nan not in NANS:
        allowed = " | ".join(map(repr, NANS))
        raise InvalidResponse("nan", f"ET.JSON.nan is {shown(nan)}; allowed: {allowed}")
    return Response(encode_json(value, nan), media_type="application/json")


def _field(given: Mapping[str, Any], kind: str, name: str) -> Any:
    if name not in given:
        raise InvalidResponse("field", f"{kind}.{name} is missing; allowed: {kind}({name}=...)")
    return given[name]


def _full(given: dict[str, Any]) -> Response:
    body = given.get("body", b"")
    headers = _headers("ET.Response.headers", given.get("headers", {}))
    if isinstance(body, Entity) or (is_stream(body) and not is_json(body)):
        response = _response(body)
        response.status_code = _status(given.get("status", response.status_code))
    else:
        response = Response(_content(body), status_code=_status(given.get("status", 200)))
        if isinstance(body, str):
            response.set_header("content-type", _TEXT)
        elif is_json(body):
            response.set_header("content-type", "application/json")
    if response.body is None and any(name == "content-length" for name, _ in headers):
        raise InvalidResponse(
            "length",
            "header 'content-length' is given for a file or an iterator, whose bytes are counted when they are sent",
        )
    response.add_headers(headers, replace=True)
    return response


def _content(body: Any) -> bytes:
    if body is None:
        return b""
    if isinstance(body, str | bytes | bytearray | memoryview):
        return _bytes_of(body, "ET.Response.body")
    if is_json(body):
        return encode_json(body, "null")
    raise InvalidResponse("body", f"ET.Response.body is {shown(body)}; allowed: {_ALLOWED}")


def _bytes_of(content: str | bytes | bytearray | memoryview, name: str) -> bytes:
    return encode_text(content, name) if isinstance(content, str) else bytes(content)


def _file(path: Any, media_type: Any) -> Response:
    if not isinstance(path, str | os.PathLike):
        raise InvalidResponse("path", f"ET.FromFile.path is {shown(path)}; allowed: the path of a file")
    if media_type is not None and not isinstance(media_type, str):
        raise InvalidResponse(
            "media type", f"ET.FromFile.media_type is {shown(media_type)}; allowed: text such as 'image/png'"
        )
    try:
        opened = os.open(path, _FILE)
    except (OSError, ValueError):
        raise Refusal(404, "Not Found") from None
    if not stat.S_ISREG(os.fstat(opened).st_mode):
        os.close(opened)
        raise Refusal(404, "Not Found")
    if media_type is not None and media_type.startswith("text/") and "charset=" not in media_type.lower():
        media_type = f"{media_type}; charset=utf-8"
    return OpenedFile(opened, os.fsdecode(path), media_type)


def _status(given: Any) -> int:
    if not isinstance(given, int) or isinstance(given, bool) or not 200 <= given <= 599:
        raise InvalidResponse("status", f"status is {shown(given)}; allowed: {_STATUS_ALLOWED}")
    return int(given)


def _headers(where: str, given: Any) -> list[tuple[str, str]]:
    """The headers with names in lower case, and values without blanks at their ends, which h11 would refuse."""
    headers: list[tuple[str, str]] = []
    for name, value in _pairs(where, given):
        if not isinstance(name, str) or not _fits(_NAME, name):
            raise InvalidResponse(
                "name", f"header {shown(name)} has no valid name; allowed: letters, digits and hyphens"
            )
        if not isinstance(value, str) or not _fits(_VALUE, value.strip(" \t")):
            raise InvalidResponse("header", f"header {name!r} has the value {shown(value)}; allowed: {_VALUE_ALLOWED}")
        headers.append((name.lower(), value.strip(" \t")))
    return headers


def _pairs(where: str, given: Any) -> list[tuple[Any, Any]]:
    """The headers one by one. A dict has a list of values for a name that occurs several times."""
    if isinstance(given, Mapping):
        several = ((name, value if isinstance(value, list | tuple) else [value]) for name, value in given.items())
        return [(name, value) for name, values in several for value in values]
    if isinstance(given, list | tuple) and all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in given):
        return [(name, value) for name, value in given]
    raise InvalidResponse("headers", f"{where} is {shown(given)}; allowed: {_HEADERS_ALLOWED}")


def _fits(pattern: re.Pattern[bytes], text: str) -> bool:
    try:
        return pattern.fullmatch(text.encode("latin-1")) is not None
    except UnicodeEncodeError:
        return False


def _checked(response: Response) -> Response:
    """The response itself. Raises `InvalidResponse` for one that h11 would refuse later, when none can be sent."""
    names = [name for name, _ in response.raw_headers]
    for name, value in response.raw_headers:
        if name in _ONCE and names.count(name) > 1:
            raise InvalidResponse("header", f"header {name.decode('latin-1')!r} is given more than once")
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise InvalidResponse(
                "header", f"header {name.decode('latin-1')!r} has the value {shown(value)}; allowed: {_VALUE_ALLOWED}"
            )
        if name == b"transfer-encoding":
            raise InvalidResponse(
                "encoding", "header 'transfer-encoding' is given; the server chooses how a response is sent"
            )
    length, body = response.header("content-length"), response.body
    if length is not None and body is not None and length != str(len(body)):
        raise InvalidResponse(
            "length", f"header 'content-length' has the value {length!r}, and the body has {len(body)} bytes"
        )
    return response
