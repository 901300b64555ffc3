"""Forms: the fields in the body of a request. Long bodies take time and should be parsed in a thread."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote_to_bytes

# Limits for the fields of a form or a query, and for the headers of a part in bytes: more than any page needs.
FIELDS_LIMIT = 1_000
PART_HEAD_LIMIT = 8_192
_STEP = 8_192

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"

# RFC 2046, section 5.1.1.
_BOUNDARY = r"""(?i:;\s*boundary)=(?:"([^"\r\n]{1,70})"|([^\s";,]{1,70}))"""
# RFC 7578, section 4.2. Browsers write a quote in a name as %22, older programs as \\".
_PARAMETER = r';\s*(\w+)=(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))'
_ESCAPED = r'\\(["\\])'


class BadForm(ValueError):
    """A body that is not a valid form of its content type."""


def is_form(content_type: str) -> bool:
    """Whether a body of this content type is a form.

    >>> is_form('multipart/form-data; boundary=x'), is_form('text/plain')
    (True, False)
    """
    return content_type.lower().startswith((URLENCODED, MULTIPART))


def has_too_many_fields(query: str) -> bool:
    """Whether a query has more fields than are allowed."""
    return query.count("&") >= FIELDS_LIMIT


def query_fields(query: str) -> dict[str, str]:
    """The fields of a query, the last one for each name. Raises `BadForm` for more than 1,000.

    >>> query_fields('a=1&b=&a=2')
    {'a': '2', 'b': ''}
    """
    return dict(query_pairs(query))


def query_pairs(query: str) -> list[tuple[str, str]]:
    """The fields of a query in their order. Raises `BadForm` for more than 1,000."""
    if not query:
        return []
    if has_too_many_fields(query):
        raise BadForm(f"a query has {FIELDS_LIMIT:,} fields at most")
    return _urlencoded(query.encode(errors="replace"))


def form_fields(content_type: str, body: bytes) -> dict[str, Any]:
    """The fields of a form, the last one for each name. Raises `BadForm`."""
    return dict(form_pairs(content_type, body))


def form_pairs(content_type: str, body: bytes) -> list[tuple[str, Any]]:
    """The fields of a form: text, or for a file a dict of filename, content and content_type. Raises `BadForm`."""
    if content_type.lower().startswith(URLENCODED):
        if body.count(b"&") >= FIELDS_LIMIT:
            raise BadForm(f"a form has {FIELDS_LIMIT:,} fields at most")
        return _urlencoded(body)
    found = re.search(_BOUNDARY, content_type)
    if found is None:
        raise BadForm("a multipart form names its boundary")
    return _multipart(body, (found[1] or found[2]).encode("latin-1", "replace"))


def _urlencoded(text: bytes) -> list[tuple[str, str]]:
    pairs = (field.partition(b"=") for field in text.split(b"&") if field)
    return [(_unquoted(name), _unquoted(value)) for name, _, value in pairs]


def _unquoted(text: bytes) -> str:
    """Decode the escapes. In pieces, since one call does not release the GIL, and for a long text it takes long."""
    text = text.replace(b"+", b" ")
    pieces, at = [], 0
    while at < len(text):
        stop = at + _STEP
        # An escape has three characters, and must not be cut.
        cut = text.find(b"%", stop - 2, stop)
        stop = stop if cut < 0 else cut
        pieces.append(unquote_to_bytes(text[at:stop]))
        at = stop
    return b"".join(pieces).decode(errors="replace")


def _multipart(body: bytes, boundary: bytes) -> list[tuple[str, Any]]:
    """The fields of a multipart form (RFC 7578): parts between lines of two hyphens and the boundary."""
    delimiter = b"\r\n--" + boundary
    body = b"\r\n" + body
    if body.count(delimiter) > FIELDS_LIMIT + 1:
        raise BadForm(f"a form has {FIELDS_LIMIT:,} fields at most")
    _, *parts = body.split(delimiter)
    fields: list[tuple[str, Any]] = []
    for part in parts:
        if part.startswith(b"--"):
            return fields
        fields.append(_part(part))
    raise BadForm("a multipart form ends with its boundary and two hyphens")


def _part(part: bytes) -> tuple[str, Any]:
    padding, line_end, rest = part.partition(b"\r\n")
    if padding.strip(b" \t") or not line_end:
        raise BadForm("a boundary ends its line")
    # A part without headers begins with the empty line.
    head, blank, content = (b"", b"\r\n", rest[2:]) if rest.startswith(b"\r\n") else rest.partition(b"\r\n\r\n")
    if not blank or len(head) > PART_HEAD_LIMIT:
        raise BadForm(f"a part has headers of {PART_HEAD_LIMIT:,} bytes at most, and an empty line behind them")
    headers = _part_headers(head)
    given = {
        found[1].lower(): re.sub(_ESCAPED, r"\1", found[2]) if found[2] is not None else found[3]
        for found in re.finditer(_PARAMETER, headers.get("content-disposition", ""))
    }
    if "name" not in given:
        raise BadForm("a part of a form has a Content-Disposition with a name")
    if "filename" not in given:
        return given["name"], content.decode(errors="replace")
    kind = headers.get("content-type")
    return given["name"], {"filename": given["filename"], "content": content, "content_type": kind}


def _part_headers(head: bytes) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in head.decode(errors="replace").split("\r\n"):
        name, colon, value = line.partition(":")
        if line and not colon:
            raise BadForm("a header of a part is a name, a colon and a value")
        headers[name.strip().lower()] = value.strip()
    return headers
