"""Uids in text for people: without the leaf at their beginning, for which many fonts have only an empty box."""

from __future__ import annotations

import re

MARK = "🍃-"
_ESCAPED = r"\U0001f343-"
# A text may have been cut inside a uid.
_UID = re.compile(rf"{MARK}([0-9a-f]{{1,8}})[0-9a-f]{{0,12}}…?")


def short_uids(text: str) -> str:
    """Return `text` with the first eight digits of each uid. Only for display: the uid of a value is not changed.

    >>> short_uids("ET.Timer('🍃-0123456789abcdef0123')"), short_uids('🍃 in a text')
    ("ET.Timer('01234567…')", '🍃 in a text')
    """
    return _UID.sub(r"\1…", text) if MARK in text else text


def escaped_uids(expression: str) -> str:
    r"""Return an expression with the leaf of each uid as an escape of Python, so that its value is the same.

    >>> print(escaped_uids("ET.Timer('🍃-0123456789abcdef0123')"))
    ET.Timer('\U0001f343-0123456789abcdef0123')
    """
    return expression.replace(MARK, _ESCAPED)
