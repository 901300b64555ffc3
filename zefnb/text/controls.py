"""Control characters: escaped visibly, so that text cannot act on a terminal, a log or a page."""

from __future__ import annotations

import functools
import re

# C0 and C1 controls (escape sequences, BEL, CSI, OSC), changes of direction, line separators, surrogates and
# invisible characters. The joiners U+200C and U+200D stay: some scripts and emoji need them.
_CONTROLS = (
    "\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f"
)
_ONE_LINE = f"[{_CONTROLS}]"
_LINES = f"(?!\n)[{_CONTROLS}]"
_NAMES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
# Marks the lines that begin inside a text, so that they cannot be mistaken for lines of their own.
CONTINUED = "  | "


def strip_controls(text: str, longest: int = 500) -> str:
    r"""Return `text` as one line of at most `longest` characters, with control characters escaped.

    Args:
        text: Any text. It is cut before it is searched, so its size does not matter.
        longest: The most characters to return (default 500). A text that is cut ends with "…".

    Returns:
        The text with C0 and C1 control characters, line separators, changes of direction, invisible characters
        and surrogates escaped.

    >>> print(strip_controls('\x1b[31mred\x1b[0m\nand more'))
    \x1b[31mred\x1b[0m\nand more
    >>> strip_controls('a' * 9, longest=5)
    'aaaa…'
    """
    return shorten(_escaped(_ONE_LINE, plain(text, longest + 1)), longest)


def strip_controls_in_lines(text: str, longest: int = 500) -> str:
    r"""Return `text` as `strip_controls` does, but keep its lines, and mark all but the first.

    >>> print(strip_controls_in_lines('no such user\nTraceback:\x07'))
    no such user
      | Traceback:\x07
    """
    cut = plain(text, longest + 1).replace("\r\n", "\n")
    return shorten(_escaped(_LINES, cut).replace("\n", f"\n{CONTINUED}"), longest)


def shorten(text: str, longest: int) -> str:
    """Return `text` if it has at most `longest` characters, else its beginning and "…".

    >>> shorten('abc', 3), shorten('abcd', 3)
    ('abc', 'ab…')
    """
    return text if len(text) <= longest else text[: longest - 1] + "…"


def plain(text: str, longest: int) -> str:
    """Return the first `longest` characters as an exact `str`, whatever methods a subclass overrides."""
    return str.__str__(str.__getitem__(text, slice(longest)))


def _escaped(pattern: str, text: str) -> str:
    # All of these characters are unprintable, so that most texts need no search. Compiling takes 1 ms a pattern.
    return text if text.isprintable() else _compiled(pattern).sub(_escape, text)


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    return _NAMES.get(character) or character.encode("unicode_escape", "backslashreplace").decode("ascii")
