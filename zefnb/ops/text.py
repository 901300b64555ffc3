"""Ops for text, and for JSON, which is text."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from zefnb.core.op import collect, op
from zefnb.core.wire import to_json_text
from zefnb.errors import FieldError, InvalidValue, shown

__all__ = [
    "collect",
    "contains",
    "join",
    "parse_json",
    "replace_text",
    "split",
    "starts_with",
    "to_json",
    "to_lower_case",
    "to_upper_case",
    "trim",
]


def _text(subject: str, field: str, given: Any) -> str:
    if not isinstance(given, str):
        raise InvalidValue(subject, [FieldError(field, f"got {shown(given)}", "text")])
    return given


def _part(subject: str, field: str, given: Any) -> str:
    if _text(subject, field, given) == "":
        raise InvalidValue(subject, [FieldError(field, "it is empty", "at least one character")])
    return str(given)


@op(inline=True, curried=True)
def join(separator: str = "") -> Callable[[Any], str]:
    """One text of many, with `separator` between them.

    >>> ['a', 'b'] | join(', ') | collect, ['a', 'b'] | join | collect
    ('a, b', 'ab')
    """
    between = _text("join", "separator", separator)
    return lambda parts: between.join([_text("join", "item", part) for part in parts])


@op(inline=True, curried=True)
def split(separator: str | None = None) -> Callable[[Any], list[str]]:
    """The parts of a text between the separators; without one, its words.

    >>> 'a,b' | split(',') | collect, ' two  words ' | split | collect
    (['a', 'b'], ['two', 'words'])
    """
    between = None if separator is None else _part("split", "separator", separator)
    return lambda text: _text("split", "value", text).split(between)


@op(inline=True, curried=True)
def trim(characters: str | None = None) -> Callable[[Any], str]:
    """The text without white space at its ends, or without any of these `characters`.

    >>> '  hi ' | trim | collect, '--hi-' | trim('-') | collect
    ('hi', 'hi')
    """
    ends = None if characters is None else _part("trim", "characters", characters)
    return lambda text: _text("trim", "value", text).strip(ends)


@op(inline=True, curried=True)
def replace_text(old: str, new: str) -> Callable[[Any], str]:
    """The text with every `old` replaced by `new`.

    >>> 'a-b-c' | replace_text('-', '+') | collect
    'a+b+c'
    """
    wanted, other = _part("replace_text", "old", old), _text("replace_text", "new", new)
    return lambda text: _text("replace_text", "value", text).replace(wanted, other)


@op(inline=True)
def to_upper_case(text: Any) -> str:
    """The text in capital letters.

    >>> 'Hi' | to_upper_case | collect
    'HI'
    """
    return _text("to_upper_case", "value", text).upper()


@op(inline=True)
def to_lower_case(text: Any) -> str:
    """The text in small letters.

    >>> 'Hi' | to_lower_case | collect
    'hi'
    """
    return _text("to_lower_case", "value", text).lower()


@op(inline=True)
def contains(value: Any, part: Any) -> bool:
    """Whether `part` is in the text, the list or the keys of the dict.

    >>> 'hello' | contains('ell') | collect, [1, 2] | contains(3) | collect
    (True, False)
    """
    return part in value


@op(inline=True)
def starts_with(value: Any, beginning: Any) -> bool:
    """Whether the text, bytes or list begins with `beginning`; nothing begins with what is of another kind.

    >>> '/name Ada' | starts_with('/name') | collect, b'GIF89' | starts_with(b'GIF') | collect
    (True, True)
    """
    for kind in (str, bytes, bytearray, list, tuple):
        if isinstance(value, kind):
            return isinstance(beginning, kind) and value[: len(beginning)] == beginning
    raise InvalidValue("starts_with", [FieldError("value", f"got {shown(value)}", "text, bytes, a list or a tuple")])


@op(inline=True)
def to_json(value: Any) -> str:
    """The value as JSON text; an entity becomes an object with its type and its fields.

    Raises `InvalidValue` for bytes, NaN and infinity, `TypeError` for what has no place in JSON.

    >>> {'a': [1, None]} | to_json | collect
    '{"a": [1, null]}'
    """
    return to_json_text(value)


@op(inline=True)
def parse_json(text: Any) -> Any:
    """The value that a JSON text, or its UTF-8 bytes, describes; `InvalidValue` says where it is not JSON.

    >>> '{"a": [1, null]}' | parse_json | collect
    {'a': [1, None]}
    """
    if not isinstance(text, str | bytes | bytearray | memoryview):
        raise InvalidValue("parse_json", [FieldError("value", f"got {shown(text)}", "text or bytes")])
    try:
        return json.loads(bytes(text) if isinstance(text, memoryview) else text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        problem = "it is nested too deeply" if isinstance(error, RecursionError) else f"{error}, in {shown(text)}"
        raise InvalidValue("parse_json", [FieldError("value", problem, "JSON")]) from None


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
