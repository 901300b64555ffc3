"""The line after `%zef`: tokens, and what `{expr}` and `$var` stand for in them."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

_ITSELF: Any = object()
_VARIABLE = re.compile(r"\$([A-Za-z_]\w*)")


class LineError(Exception):
    """What is wrong with a line, in one line."""


class Token(str):
    """A word of the line; `value` is the object where the word was one `{expr}` or `$var`, else the text."""

    __slots__ = ("value",)
    value: Any

    def __new__(cls, text: str, value: Any = _ITSELF) -> Token:
        made = super().__new__(cls, text)
        made.value = text if value is _ITSELF else value
        return made


class Piece(NamedTuple):
    """A word as it was typed, and where it begins and ends in the line."""

    raw: str
    start: int
    end: int

    @property
    def is_quoted(self) -> bool:
        """Whether it is one quoted text, of which the quotes are no part."""
        return len(self.raw) > 1 and self.raw[0] in "\"'" and self.raw[-1] == self.raw[0]


def pieces(line: str) -> list[Piece]:
    """The words of a line. Quotes and braces that open a word and close hold it together; others are letters.

    >>> [piece.raw for piece in pieces("publish chat don't {len('a b')} 'two words'")]
    ['publish', 'chat', "don't", "{len('a b')}", "'two words'"]
    """
    found: list[Piece] = []
    at = 0
    while at < len(line):
        if line[at].isspace():
            at += 1
            continue
        end = _end_of_word(line, at)
        found.append(Piece(line[at:end], at, end))
        at = end
    return found


def _end_of_word(line: str, start: int) -> int:
    if line[start] in "\"'":
        close = line.find(line[start], start + 1)
        if close > 0 and (close + 1 == len(line) or line[close + 1].isspace()):
            return close + 1
    at = start
    while at < len(line) and not line[at].isspace():
        at = _end_of_braces(line, at) or at + 1
    return at


def _end_of_braces(line: str, start: int) -> int:
    """Where `{expr}` that begins at `start` ends; 0 when none does."""
    if line[start] != "{":
        return 0
    end = line.find("}", start)
    while end > 0:
        if _is_expression(line[start + 1 : end]):
            return end + 1
        end = line.find("}", end + 1)
    return 0


def _is_expression(text: str) -> bool:
    try:
        ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False
    return bool(text.strip())


def expanded(raw: str, namespace: Mapping[str, Any]) -> Token:
    """A word, or a text, with what it stands for: alone the object itself, within text its text.

    >>> expanded('{n + 1}', {'n': 2}).value, expanded('{n} and $n, not $1 or {a: b}', {'n': 2})
    (3, '2 and 2, not $1 or {a: b}')
    """
    parts: list[str] = []
    at = 0
    while at < len(raw):
        end, value = _reference(raw, at, namespace)
        if not end:
            parts.append(raw[at])
            at += 1
            continue
        if at == 0 and end == len(raw):
            return Token(value if isinstance(value, str) else repr(value), value)
        parts.append(str(value))
        at = end
    return Token("".join(parts))


def _reference(raw: str, at: int, namespace: Mapping[str, Any]) -> tuple[int, Any]:
    """The end and the value of a reference that begins at `at`; 0 when none does."""
    end = _end_of_braces(raw, at)
    if end:
        expression = raw[at + 1 : end - 1].strip()
        try:
            return end, eval(expression, dict(namespace))
        except Exception as error:
            raise LineError(f"{{{expression}}}: {type(error).__name__}: {error}") from None
    name = _VARIABLE.match(raw, at)
    if name is not None and name[1] in namespace:
        return name.end(), namespace[name[1]]
    return 0, None


def words(line: str, namespace: Mapping[str, Any]) -> list[Token]:
    """The words of a line, each with its value."""
    return [Token(piece.raw[1:-1]) if piece.is_quoted else expanded(piece.raw, namespace) for piece in pieces(line)]


def whole(text: str, namespace: Mapping[str, Any]) -> Token:
    """The rest of a line as one value: an object, a quoted text without its quotes, or text with its values."""
    text = text.strip()
    parts = pieces(text)
    if len(parts) == 1 and parts[0].is_quoted:
        text = text[1:-1]
    return expanded(text, namespace)
