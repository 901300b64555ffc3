"""Derived attributes: attributes of some entity types that are computed from the fields when they are read.

They are not fields: equality, matching, `repr` and copies ignore them. A field of the same name takes precedence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from zefnb.errors import FieldError, InvalidBody

if TYPE_CHECKING:
    from zefnb.core.record import Record

# The encodings of the Encoding standard that web clients use. Python's other ones are slow for long text or are not
# charsets, and looking up names from peers would fill Python's cache of names.
_CHARSETS = {
    *("utf-8", "utf8", "utf-16", "utf-16le", "utf-16be", "us-ascii", "ascii", "latin1", "iso-8859-1"),
    *(f"iso-8859-{number}" for number in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)),
    *(f"windows-{number}" for number in range(1250, 1259)),
    *("koi8-r", "koi8-u", "macintosh", "gbk", "gb2312", "gb18030", "big5", "euc-jp", "shift_jis", "euc-kr"),
    *(f"cp{number}" for number in range(1250, 1259)),
    "sjis",
}
# Clients write them with and without hyphens, such as "latin-1".
_SPELLINGS = {name.replace("-", "").replace("_", ""): name for name in sorted(_CHARSETS)}


class Derived:
    """An attribute that a function computes from the fields."""

    __slots__ = ("_read",)

    def __init__(self, read: Callable[[Any], Any]) -> None:
        self._read = read

    def __get__(self, value: Record | None, cls: type) -> Any:
        return self if value is None else self._read(value)


def _body_bytes(request: Any) -> bytes:
    body = request.body
    # A body is text if it was UTF-8, so that encoding it gives the received bytes.
    return body.encode() if isinstance(body, str) else bytes(body)


def _text(request: Any) -> str:
    name = _charset(request.__dict__.get("headers", {}).get("content-type", ""))
    charset = _SPELLINGS.get(name.replace("-", "").replace("_", ""))
    if charset is None:
        _refuse("text", "the charset of the body is not known")
    if isinstance(request.body, str) and charset in ("utf-8", "utf8"):
        return request.body
    try:
        return _body_bytes(request).decode(charset)
    except UnicodeDecodeError as error:
        _refuse("text", "the body cannot be decoded by its charset", error)


def _charset(content_type: str) -> str:
    """Return the charset of a content type (RFC 9110, section 8.3.2)."""
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip("\"'").lower() or "utf-8"
    return "utf-8"


def _json(request: Any) -> Any:
    from json import detect_encoding

    from zefnb.core.json_text import from_json_text

    data = _body_bytes(request)
    try:
        return from_json_text(data.decode(detect_encoding(data)))
    except (ValueError, RecursionError) as error:
        _refuse("json", "the body is not JSON", error)


def _refuse(field: str, problem: str, error: Exception | None = None) -> NoReturn:
    raise InvalidBody("ET.Request", [FieldError(field, problem)]) from error


DERIVED: Mapping[str, Mapping[str, Derived]] = {
    "Request": {"body_bytes": Derived(_body_bytes), "text": Derived(_text), "json": Derived(_json)}
}
