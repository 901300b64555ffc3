"""Text from peers, made safe to display as prose in a terminal.

Characters that are removed here are visible as escapes in logs and tables, by `zefnb.text.controls`.
"""

from __future__ import annotations

import unicodedata

from zefnb.text.controls import plain
from zefnb.text.uids import short_uids

_DIRECTION = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_BLANKS = frozenset("\t\n\v\f\r\x85\u2028\u2029")


def remove_controls(text: str, longest: int = 500) -> str:
    r"""Return `text` in one line of at most `longest` characters, without control and direction characters.

    The text of a client must not move the cursor, colour the screen or reverse the line.

    >>> remove_controls('\x1b[31mred\x1b[0m\nand more'), remove_controls('a' * 9, longest=5)
    ('[31mred[0m and more', 'aaaa…')
    """
    shown = short_uids("".join(map(_shown, plain(text, longest + 1))))
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"


def _shown(character: str) -> str:
    if character in _BLANKS:
        return " "
    if character in _DIRECTION:
        return ""
    kind = unicodedata.category(character)
    # A lone surrogate, which JSON can contain, cannot be encoded.
    return "" if kind == "Cc" else "�" if kind == "Cs" else character
