"""Text from outside, made fit to be read in a terminal as somebody's words.

Where it matters what was sent, in logs and tables, `zefnb.text.controls` escapes visibly what is left out here.
"""

from __future__ import annotations

import unicodedata

from zefnb.text.controls import plain

_DIRECTION = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_BLANKS = frozenset("\t\n\v\f\r\x85\u2028\u2029")


def harmless(text: str, longest: int = 500) -> str:
    r"""`text` in one line: without control characters and changes of direction, and not too long.

    What a client sends must not move the cursor, colour the screen or turn the line around.

    >>> harmless('\x1b[31mred\x1b[0m\nand more'), harmless('a' * 9, longest=5)
    ('[31mred[0m and more', 'aaaa…')
    """
    shown = "".join(map(_shown, plain(text, longest + 1)))
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"


def _shown(character: str) -> str:
    if character in _BLANKS:
        return " "
    if character in _DIRECTION:
        return ""
    kind = unicodedata.category(character)
    # Half of a surrogate pair, which JSON can carry, cannot be encoded.
    return "" if kind == "Cc" else "�" if kind == "Cs" else character
