"""Path patterns: matching a path to a route with variables, in linear time.

A regular expression tries each way to divide a path among several variables: with three `{x:path}` in a route, the time
grows with the cube of the length. For such routes, all places from which the rest of a pattern fits are computed
together, with one bit for each place. A variable then takes as many of its bytes as it can before it is converted:
`/{x:float}.{y}` does not fit `/1..a`.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

# A name, and perhaps a kind: `{name}`, `{name:int}`, `{name...}`.
VARIABLE = re.compile(r"{([a-zA-Z_]\w*)(?:(?::(?=\w)|(?=\.))(\w+|\.\.\.))?}", re.ASCII)
REST = "..."
_DIGITS = b"0123456789"


def _uuid(text: str) -> Any:
    import uuid  # it takes a while

    return uuid.UUID(text)


class _Kind(NamedTuple):
    """A kind of variable: its regular expression, the bytes that it can have, and its conversion."""

    regex: str
    made_of: bytes
    convert: Callable[[str], Any]


_HEX = "[0-9a-fA-F]"
_SEGMENTS = _Kind(".*", bytes(set(range(256)) - set(b"\n")), str)
# These may be empty, and have slashes.
_LONG = ("path", REST)
_KINDS = {
    "str": _Kind("[^/]+", bytes(set(range(256)) - set(b"/")), str),
    "path": _SEGMENTS,
    REST: _SEGMENTS,
    "int": _Kind("[0-9]+", _DIGITS, int),
    "float": _Kind(r"[0-9]+(?:\.[0-9]+)?", _DIGITS + b".", float),
    "uuid": _Kind(f"{_HEX}{{8}}-?(?:{_HEX}{{4}}-?){{3}}{_HEX}{{12}}", _DIGITS + b"abcdefABCDEF-", _uuid),
}
# The bytes with which a character of UTF-8 begins (RFC 3629, section 3).
_BEGINNINGS = bytes(set(range(256)) - set(range(0x80, 0xC0)))


class PathPattern(Protocol):
    """The path of a route."""

    def match(self, path: str) -> dict[str, Any] | None:
        """The values of its variables in `path`; `None` when it does not fit."""


def path_pattern(path: str) -> PathPattern:
    """The pattern of a path with variables. Raises `ValueError` for an invalid one.

    >>> path_pattern('/{name}/{number:int}').match('/a/7')
    {'name': 'a', 'number': 7}
    >>> path_pattern('/{one:path}/{two:path}').match('/a/b/c')
    {'one': 'a/b', 'two': 'c'}
    >>> path_pattern('/site/{path...}').match('/site/a/b')
    {'path': 'a/b'}
    """
    return _Expression(path) if _is_unambiguous(path) else _Places(path)


def ends_with_rest(path: str) -> bool:
    """Whether the rest of a path is a variable: `/site/{path...}`."""
    return path.endswith(f"{REST}}}") and VARIABLE.fullmatch(path.rpartition("/")[2]) is not None


def _kinds_of(path: str) -> dict[str, _Kind]:
    """The kinds of a path's variables, by name. Raises `ValueError` for an unknown kind and for a name given twice."""
    kinds: dict[str, _Kind] = {}
    for found in VARIABLE.finditer(path):
        name, kind = found[1], found[2] or "str"
        if kind not in _KINDS:
            raise ValueError(f"variable {name!r} has the unknown kind {kind!r}")
        if name in kinds:
            raise ValueError(f"variable {name!r} is given twice")
        kinds[name] = _KINDS[kind]
    return kinds


def _is_unambiguous(path: str) -> bool:
    """Whether a regular expression matches in linear time: one variable spans segments, each other fills a segment."""
    kinds = [found[2] for found in VARIABLE.finditer(path)]
    fills = [VARIABLE.fullmatch(segment) is not None for segment in path.split("/") if VARIABLE.search(segment)]
    long = sum(kind in _LONG for kind in kinds)
    return (long == 1 == len(kinds)) or (long <= 1 and all(fills))


class _Expression:
    def __init__(self, path: str) -> None:
        self._kinds = _kinds_of(path)
        # `split` returns literals, names and kinds in turn.
        parts = VARIABLE.split(path)
        texts = [re.escape(literal) for literal in parts[::3]]
        groups = [f"(?P<{name}>{kind.regex})" for name, kind in self._kinds.items()]
        self._regex = re.compile("".join(text + group for text, group in zip(texts, [*groups, ""], strict=True)))

    def match(self, path: str) -> dict[str, Any] | None:
        found = self._regex.fullmatch(path)
        return _converted(found.groupdict(), self._kinds) if found else None


class _Places:
    """A place is the number of bytes to the end of the path; a set of places is a number with one bit for each."""

    def __init__(self, path: str) -> None:
        self._kinds = _kinds_of(path)
        # Literals and variables in turn. A variable has a name, its bytes, and whether it may be empty.
        self._literals, self._variables, at = [], [], 0
        for found in VARIABLE.finditer(path):
            self._literals.append(path[at : found.start()].encode())
            self._variables.append((found[1], self._kinds[found[1]].made_of, found[2] in _LONG))
            at = found.end()
        self._last = path[at:].encode()

    def match(self, path: str) -> dict[str, Any] | None:
        text = path.encode(errors="surrogateescape")
        begins = _places(text, _BEGINNINGS) | 1
        rest = _before(text, self._last, 1)
        fits = []
        # Backwards from the end: the places where each variable may end so that the rest fits.
        for literal, (_, made_of, may_be_empty) in zip(
            reversed(self._literals), reversed(self._variables), strict=True
        ):
            fits.append(rest)
            allowed = _places(text, made_of)
            one = rest << 1 & allowed
            # The carry of the addition moves each place to the end of its run.
            some = ((allowed + one ^ allowed) | one) & allowed & begins
            rest = _before(text, literal, some | rest if may_be_empty else some)
        return self._values(text, fits[::-1]) if rest >> len(text) & 1 else None

    def _values(self, text: bytes, fits: list[int]) -> dict[str, Any] | None:
        """The variables from the beginning on, each as long as possible."""
        texts, at = {}, 0
        for literal, (name, made_of, _), ends in zip(self._literals, self._variables, fits, strict=True):
            at += len(literal)
            left = len(text) - at
            run = len(text[at:]) - len(text[at:].lstrip(made_of))
            least = ends >> left - run
            end = len(text) - (left - run + (least & -least).bit_length() - 1)
            texts[name] = text[at:end].decode(errors="surrogateescape")
            at = end
        if any(re.fullmatch(self._kinds[name].regex, value) is None for name, value in texts.items()):
            return None
        return _converted(texts, self._kinds)


def _places(text: bytes, made_of: bytes) -> int:
    """The places whose next byte is in `made_of`."""
    return int(text.translate(_ones(made_of)) + b"0", 2)


@functools.lru_cache(maxsize=512)
def _ones(made_of: bytes) -> bytes:
    return bytes(0x31 if byte in made_of else 0x30 for byte in range(256))


def _before(text: bytes, literal: bytes, rest: int) -> int:
    """The places with `literal`, behind which there is a place of `rest`."""
    for byte in reversed(literal):
        rest = rest << 1 & _places(text, bytes((byte,)))
    return rest


def _converted(texts: Mapping[str, str], kinds: Mapping[str, _Kind]) -> dict[str, Any] | None:
    """The path's variables as values; `None` when one is invalid, such as a number of 5,000 digits."""
    try:
        variables = {name: kinds[name].convert(text) for name, text in texts.items()}
    except (ValueError, ArithmeticError):
        return None
    if any(isinstance(value, float) and not math.isfinite(value) for value in variables.values()):
        return None
    return variables
