"""A quick look over a pickle, for the values that nearly all are: at the speed of C, and of the same use as `scan`.

What is tiny can neither nest nor repeat itself much: it is enough that each instruction is one that `encode` writes and
that each length is within the whole. So it is for plain data of any size, lists and dicts of text and numbers: making
it takes as much as was read, and whether it holds itself can be seen afterwards. A tuple or an entity may be a key and
is hashed as it is made, part by part however often they are named; of those, what is not tiny is left to `scan`.
"""

from __future__ import annotations

import re
from itertools import chain, islice
from typing import Any

from zefnb.store.scan import DEEPEST, TooDeep, Undecodable

_TINY = DEEPEST
# Parts of a tiny value that may be named again. Each can double it.
_FEW = 6
_CONTAINERS = frozenset((list, dict, set, tuple, frozenset))


def _counted(lengths: range) -> bytes:
    """A byte that tells a length, and as many bytes: a pattern cannot count, so it lists all the lengths."""
    return b"(?:" + b"|".join(re.escape(bytes([n])) + b".{%d}" % n for n in lengths) + b")"


_ATOMS = rb"[N\x88\x89)]|K.|M..|J.{4}|G.{8}|\x95.{8}|\x8c" + _counted(range(256)) + rb"\x94?"
_LISTS_AND_DICTS = rb"|[\]}]\x94?|[(aeus]"
_GET, _LONG_GET = rb"|h.", rb"|j.{4}"
_MORE = rb"|[\x8f\x90\x91t\x85\x86\x87R\x93\x94]|[\x8aC]" + _counted(range(_TINY))
_BEGIN, _END = rb"\x80[\x04\x05](?:", rb")*+\."
_is_tiny = re.compile(_BEGIN + _ATOMS + _GET + _LISTS_AND_DICTS + _MORE + _END, re.DOTALL).fullmatch
_is_plain = re.compile(_BEGIN + _ATOMS + _GET + _LISTS_AND_DICTS + _LONG_GET + _END, re.DOTALL).fullmatch


def is_tiny(stored: bytes) -> bool:
    """Whether these bytes are so few that their instructions alone matter, and those are in order."""
    return len(stored) <= _TINY and stored.count(b"h") <= _FEW and _is_tiny(stored) is not None


def is_plain(stored: bytes) -> bool:
    """Whether these bytes are lists, dicts, short text and numbers. What they make has to pass `check_size`."""
    return _is_plain(stored) is not None


def check_size(value: Any, size: int) -> None:
    """Refuse, with `Undecodable`, a value that is nested too deeply or holds more than `size` parts, such as itself."""
    level = [value]
    for _ in range(DEEPEST + 1):
        holders = [part.values() if type(part) is dict else part for part in level if type(part) in _CONTAINERS]
        if not holders:
            return
        level = list(islice(chain.from_iterable(holders), size + 1))
        size -= len(level)
        if size < 0:
            raise Undecodable("it holds itself, or its parts name one another so often that the whole is far larger")
    raise TooDeep
