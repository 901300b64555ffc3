"""The line after `%zef`: its words, and the values of `{expr}` and `$var` in them.

A value can come from a client, so it is never parsed: not as a name, an option, a quoted text or the end of a word.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from zefnb.errors import Hint
from zefnb.text.article import with_article

_ITSELF: Any = object()
_VARIABLE = re.compile(r"\$([A-Za-z_]\w*)")
_ESCAPED_VARIABLE = re.compile(r"\$(\$[A-Za-z_]\w*)")
_OPTION = re.compile(r"--?[A-Za-z][\w-]*=")
# A conversion and a format as in f-strings. A format with a blank at its beginning is prose or JSON.
_FORMAT = re.compile(r"(?:!(?P<conversion>[rsa]))?(?::(?P<format>(?=\S)[^{}]*))?")
_CONVERSIONS: dict[str, Callable[[Any], str]] = {"r": repr, "s": str, "a": ascii}
_LONGEST_EXPRESSION = 60


class LineError(Exception):
    """An error in a line, as one line of text. A hint is computed only when the error is shown."""

    def __init__(self, text: str, hint: Hint | None = None) -> None:
        super().__init__(text)
        self._hint = hint

    def __str__(self) -> str:
        text, hint = super().__str__(), str(self._hint or "")
        return f"{text}; {hint}" if hint else text


class Token(str):
    """A word of the line. `value` is the object if the word is one `{expr}` or `$var`, else the text.

    `typed` is the number of characters at the beginning that the user typed; the others can come from a value, and -1
    means that there is no value. `option` is the option before the value, as in `--topic={name}`, and is not in the
    text.
    """

    __slots__ = ("option", "typed", "value")
    value: Any
    typed: int
    option: str

    def __new__(cls, text: str, value: Any = _ITSELF, typed: int | None = None, option: str = "") -> Token:
        made = super().__new__(cls, text)
        made.value = text if value is _ITSELF else value
        made.typed = -1 if typed is None else typed
        made.option = option
        return made

    @property
    def is_given(self) -> bool:
        """Whether the word contains a value, so that it is neither a name nor an option."""
        return self.typed >= 0

    def begins(self, length: int) -> Token:
        """Return the first `length` characters, with the information on which of them were typed."""
        return Token(self[:length], typed=self.typed if 0 <= self.typed < length else None)


class Piece(NamedTuple):
    """A word as it was typed, with its begin and its end in the line."""

    raw: str
    start: int
    end: int

    @property
    def is_quoted(self) -> bool:
        """Whether the word is one quoted text."""
        return len(self.raw) > 1 and self.raw[0] in "\"'" and self.raw[-1] == self.raw[0]


def pieces(line: str) -> list[Piece]:
    """Return the words of a line. A quoted text and `{expr}` are not split; quotes without a partner are letters.

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
    """Return the end of the `{expr}` that begins at `start`; 0 if there is none."""
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
    """Replace `{expr}` and `$var` in a word or a text: alone by the object itself, within a text by its text.

    `{expr:format}` and `{expr!r}` are as in f-strings, if all names in `expr` exist. `{{text}}` is `{text}`, unless a
    dict is in the braces, and `$$name` is `$name`.

    >>> expanded('{n + 1}', {'n': 2}).value, expanded('{n} and $n, not $1 or {a: b}', {'n': 2})
    (3, '2 and 2, not $1 or {a: b}')
    >>> expanded('{n:.2f} {{n}} $$n', {'n': 2})
    '2.00 {n} $n'
    """
    parts: list[str] = []
    typed: int | None = None
    at = 0
    while at < len(raw):
        if escaped := _escaped(raw, at):
            text, at = escaped
            parts.append(text)
            continue
        end, value = _reference(raw, at, namespace)
        if not end:
            parts.append(raw[at])
            at += 1
            continue
        if at == 0 and end == len(raw):
            return Token(value if isinstance(value, str) else _text(value, repr), value, typed=0)
        if typed is None:
            typed = sum(map(len, parts))
        parts.append(_text(value, str))
        at = end
    return Token("".join(parts), typed=typed)


def _text(value: Any, convert: Any) -> str:
    try:
        return str(convert(value))
    except Exception as error:
        raise LineError(f"{with_article(type(value).__name__)} in the line has no text: {_named(error)}") from None


def _escaped(raw: str, at: int) -> tuple[str, int] | None:
    """Return the text for the `{{text}}` or `$$name` at `at`, and its end."""
    if (variable := _ESCAPED_VARIABLE.match(raw, at)) is not None:
        return variable[1], variable.end()
    end = raw.find("}}", at) if raw.startswith("{{", at) else -1
    if end < 0 or "{" in raw[at + 2 : end]:
        return None
    inner = raw[at + 1 : end + 1]
    if _is_expression(inner) and isinstance(ast.parse(inner, mode="eval").body, ast.Dict):
        return None
    return inner, end + 2


def _reference(raw: str, at: int, namespace: Mapping[str, Any]) -> tuple[int, Any]:
    """Return the end and the value of the reference that begins at `at`; the end is 0 if there is none."""
    end = _end_of_braces(raw, at)
    if end:
        return end, _evaluated(raw[at + 1 : end - 1], namespace)
    if raw[at] == "{" and (formatted := _formatted(raw, at, namespace)) is not None:
        return formatted
    name = _VARIABLE.match(raw, at)
    if name is not None and name[1] in namespace:
        return name.end(), namespace[name[1]]
    return 0, None


def _evaluated(expression: str, namespace: Mapping[str, Any]) -> Any:
    try:
        return eval(expression.strip(), dict(namespace))
    except Exception as error:
        raise _failed(expression, error) from None


def _failed(expression: str, error: Exception) -> LineError:
    short = expression.strip()
    if len(short) > _LONGEST_EXPRESSION:
        short = f"{short[: _LONGEST_EXPRESSION - 1]}…"
    return LineError(f"{{{short}}}: {_named(error)}")


def _named(error: Exception) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:
        return type(error).__name__


def _formatted(raw: str, at: int, namespace: Mapping[str, Any]) -> tuple[int, str] | None:
    """Return the end and the text of the `{expr!r:format}` at `at`, if all names in `expr` are the user's."""
    end = raw.find("}", at)
    inner = raw[at + 1 : end] if end > 0 else ""
    for mark in re.finditer(r"[!:]", inner):
        form = _FORMAT.fullmatch(inner, mark.start())
        if form is None or not _is_expression(expression := inner[: mark.start()]):
            continue
        names = {node.id for node in ast.walk(ast.parse(expression.strip(), mode="eval")) if isinstance(node, ast.Name)}
        if not names or not names <= namespace.keys():
            return None
        value = _evaluated(expression, namespace)
        try:
            if form["conversion"]:
                value = _CONVERSIONS[form["conversion"]](value)
            return end + 1, format(value, form["format"] or "")
        except Exception as error:
            raise _failed(inner, error) from None
    return None


def words(line: str, namespace: Mapping[str, Any]) -> list[Token]:
    """Return the words of a line, each with its value."""
    return [_word(piece, namespace) for piece in pieces(line)]


def _word(piece: Piece, namespace: Mapping[str, Any]) -> Token:
    if piece.is_quoted:
        return Token(piece.raw[1:-1])
    option = _OPTION.match(piece.raw)
    if option is None:
        return expanded(piece.raw, namespace)
    given = expanded(piece.raw[option.end() :], namespace)
    if not given.is_given:
        return Token(piece.raw)
    return Token(given, given.value, given.typed, option[0])


def whole(text: str, namespace: Mapping[str, Any]) -> Token:
    """Return the rest of a line as one value: an object, a quoted text without its quotes, or text with its values."""
    text = text.strip()
    parts = pieces(text)
    if len(parts) == 1 and parts[0].is_quoted:
        text = text[1:-1]
    return expanded(text, namespace)
