"""Ops for text, including JSON."""

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
    """Join texts to one text.

    Args:
        separator: The text between them (default none).

    Returns:
        The text.

    Raises:
        InvalidValue: The separator or an item is not text.

    >>> ['a', 'b'] | join(', ') | collect, ['a', 'b'] | join | collect
    ('a, b', 'ab')
    """
    between = _text("join", "separator", separator)
    return lambda parts: between.join([_text("join", "item", part) for part in parts])


@op(inline=True, curried=True)
def split(separator: str | None = None) -> Callable[[Any], list[str]]:
    """Split a text at the separators.

    Args:
        separator: The text between the parts. Default: any white space, which gives the words.

    Returns:
        A list of the parts.

    Raises:
        InvalidValue: The value is not text, or the separator is not text or empty.

    >>> 'a,b' | split(',') | collect, ' two  words ' | split | collect
    (['a', 'b'], ['two', 'words'])
    """
    between = None if separator is None else _part("split", "separator", separator)
    return lambda text: _text("split", "value", text).split(between)


@op(inline=True, curried=True)
def trim(characters: str | None = None) -> Callable[[Any], str]:
    """Remove white space, or other characters, from both ends of a text.

    Args:
        characters: The characters to remove. Default: white space.

    Returns:
        The text without them.

    Raises:
        InvalidValue: The value is not text, or `characters` is not text or empty.

    >>> '  hi ' | trim | collect, '--hi-' | trim('-') | collect
    ('hi', 'hi')
    """
    ends = None if characters is None else _part("trim", "characters", characters)
    return lambda text: _text("trim", "value", text).strip(ends)


@op(inline=True, curried=True)
def replace_text(old: str, new: str) -> Callable[[Any], str]:
    """Replace every occurrence of a part of a text.

    Args:
        old: The part to replace; not empty.
        new: The text in its place.

    Returns:
        The new text.

    Raises:
        InvalidValue: The value or an argument is not text, or `old` is empty.

    >>> 'a-b-c' | replace_text('-', '+') | collect
    'a+b+c'
    """
    wanted, other = _part("replace_text", "old", old), _text("replace_text", "new", new)
    return lambda text: _text("replace_text", "value", text).replace(wanted, other)


@op(inline=True)
def to_upper_case(text: Any) -> str:
    """Return the text in upper case.

    Args:
        text: The text.

    Returns:
        The text in upper case.

    Raises:
        InvalidValue: The value is not text.

    >>> 'Hi' | to_upper_case | collect
    'HI'
    """
    return _text("to_upper_case", "value", text).upper()


@op(inline=True)
def to_lower_case(text: Any) -> str:
    """Return the text in lower case.

    Args:
        text: The text.

    Returns:
        The text in lower case.

    Raises:
        InvalidValue: The value is not text.

    >>> 'Hi' | to_lower_case | collect
    'hi'
    """
    return _text("to_lower_case", "value", text).lower()


@op(inline=True)
def contains(value: Any, part: Any) -> bool:
    """Test whether a text, a list or the keys of a dict contain `part`.

    Args:
        value: A text, list, dict or other container.
        part: The part of a text, an item or a key.

    Returns:
        True or false.

    Raises:
        TypeError: The value is not a container, or a text cannot contain such a part.

    >>> 'hello' | contains('ell') | collect, [1, 2] | contains(3) | collect
    (True, False)
    """
    return part in value


@op(inline=True)
def starts_with(value: Any, beginning: Any) -> bool:
    """Test whether a text, bytes, a list or a tuple begins with `beginning`.

    Args:
        value: Text, bytes, a list or a tuple.
        beginning: The same type as the value; for any other type the result is false.

    Returns:
        True or false.

    Raises:
        InvalidValue: The value is of another type.

    >>> '/name Ada' | starts_with('/name') | collect, b'GIF89' | starts_with(b'GIF') | collect
    (True, True)
    """
    for kind in (str, bytes, bytearray, list, tuple):
        if isinstance(value, kind):
            return isinstance(beginning, kind) and value[: len(beginning)] == beginning
    raise InvalidValue("starts_with", [FieldError("value", f"got {shown(value)}", "text, bytes, a list or a tuple")])


@op(inline=True)
def to_json(value: Any) -> str:
    """Convert the value to JSON text.

    Args:
        value: Plain data, entities, and every type with a converter: docs/values.md has the table. An entity becomes
            an object with its type, its uid (if any) and its fields.

    Returns:
        The JSON text.

    Raises:
        InvalidValue: The value contains bytes, NaN, infinity or itself.
        UnsupportedType: The value contains a type without a converter. It is also a `TypeError`.

    Source:
        RFC 8259.

    >>> {'a': [1, None]} | to_json | collect
    '{"a": [1, null]}'
    """
    return to_json_text(value)


@op(inline=True)
def parse_json(text: Any) -> Any:
    """Convert JSON text to a value.

    Args:
        text: JSON as text, or as UTF-8 bytes.

    Returns:
        A dict, list, text, number, bool or None.

    Raises:
        InvalidValue: The text is not JSON; the error has the position of the mistake.

    Source:
        RFC 8259.

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
