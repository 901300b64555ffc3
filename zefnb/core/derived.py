"""Derived attributes: what the entities of some types tell beside their fields, computed when it is read.

They are no fields: they take no part in equality, matching, `repr` and copies. A field of the same name comes first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from zefnb.errors import FieldError, InvalidBody

if TYPE_CHECKING:
    from zefnb.core.record import Record

# The encodings of the Encoding standard that web clients write. Python's others are slow for long text, or no charsets,
# and looking up names that a peer makes up would fill Python's table of them.
_CHARSETS = {
    *("utf-8", "utf8", "utf-16", "utf-16le", "utf-16be", "us-ascii", "ascii", "latin1", "iso-8859-1"),
    *(f"iso-8859-{number}" for number in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)),
    *(f"windows-{number}" for number in range(1250, 1259)),
    *("koi8-r", "koi8-u", "macintosh", "gbk", "gb2312", "gb18030", "big5", "euc-jp", "shift_jis", "euc-kr"),
}


class Derived:
    """An attribute that a function computes from the fields."""

    __slots__ = ("_read",)

    def __init__(self, read: Callable[[Any], Any]) -> None:
        self._read = read

    def __get__(self, value: Record | None, cls: type) -> Any:
        return self if value is None else self._read(value)


def _body_bytes(request: Any) -> bytes:
    body = request.body
    # Text is what was UTF-8, so this is what came.
    return body.encode() if isinstance(body, str) else bytes(body)


def _text(request: Any) -> str:
    charset = _charset(request.__dict__.get("headers", {}).get("content-type", ""))
    if charset not in _CHARSETS:
        _refuse("text", "the charset of the body is not known")
    if isinstance(request.body, str) and charset in ("utf-8", "utf8"):
        return request.body
    try:
        return _body_bytes(request).decode(charset)
    except UnicodeDecodeError as error:
        _refuse("text", "the body is no text in its charset", error)


def _charset(content_type: str) -> str:
    """The charset that a content type names (RFC 9110, section 8.3.2)."""
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip('"').lower()
    return "utf-8"


def _json(request: Any) -> Any:
    import json

    def constant(name: str) -> NoReturn:
        raise ValueError(f"{name} is no JSON")

    try:
        return json.loads(_body_bytes(request), parse_constant=constant)
    except (ValueError, RecursionError) as error:
        _refuse("json", "the body is no JSON", error)


def _refuse(field: str, problem: str, error: Exception | None = None) -> NoReturn:
    raise InvalidBody("ET.Request", [FieldError(field, problem)]) from error


DERIVED: Mapping[str, Mapping[str, Derived]] = {
    "Request": {"body_bytes": Derived(_body_bytes), "text": Derived(_text), "json": Derived(_json)}
}
