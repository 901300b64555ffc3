"""A quick check of a pickle, for the most common values: it replaces `scan`, at the speed of C.

A tiny pickle cannot nest or repeat parts much. It is enough that `encode` writes each of its instructions and that
each length is within the bytes. The same is true for plain data of any size, which is lists and dicts of text and
numbers: making them takes time in proportion to the bytes, and a value that contains itself can be found afterwards.
A tuple or an entity may be a key, and is hashed when it is made, with all of its parts, however often they occur.
Larger pickles with those are checked by `scan`.
"""

from __future__ import annotations

import re
from itertools import chain, islice
from typing import Any

from zefnb.core.codec.scan import DEEPEST, TooDeep, Undecodable

_TINY = DEEPEST
# The most repeated parts in a tiny value. Each can double its size.
_FEW = 6
_CONTAINERS = frozenset((list, dict, set, tuple, frozenset))


def _counted(lengths: range) -> bytes:
    """Return a pattern for a length byte and that many bytes: a pattern cannot count, so it lists all lengths."""
    return b"(?:" + b"|".join(re.escape(bytes([n])) + b".{%d}" % n for n in lengths) + b")"


_ATOMS = rb"[N\x88\x89)]|K.|M..|J.{4}|G.{8}|\x95.{8}|\x8c" + _counted(range(256)) + rb"\x94?"
_LISTS_AND_DICTS = rb"|[\]}]\x94?|[(aeus]"
_GET, _LONG_GET = rb"|h.", rb"|j.{4}"
_MORE = rb"|[\x8f\x90\x91t\x85\x86\x87R\x93\x94]|[\x8aC]" + _counted(range(_TINY))
_BEGIN, _END = rb"\x80[\x04\x05](?:", rb")*+\."
_is_tiny = re.compile(_BEGIN + _ATOMS + _GET + _LISTS_AND_DICTS + _MORE + _END, re.DOTALL).fullmatch
_is_plain = re.compile(_BEGIN + _ATOMS + _GET + _LISTS_AND_DICTS + _LONG_GET + _END, re.DOTALL).fullmatch


def is_tiny(stored: bytes) -> bool:
    """Whether these bytes are few, and all of their instructions and lengths are valid."""
    return len(stored) <= _TINY and stored.count(b"h") <= _FEW and _is_tiny(stored) is not None


def is_plain(stored: bytes) -> bool:
    """Whether these bytes are lists, dicts, short text and numbers. Their value must then pass `check_size`."""
    return _is_plain(stored) is not None


def check_size(value: Any, size: int) -> None:
    """Raise `Undecodable` for a value that is nested too deeply, contains itself, or has more than `size` parts."""
    level = [value]
    for _ in range(DEEPEST + 1):
        holders = [part.values() if type(part) is dict else part for part in level if type(part) in _CONTAINERS]
        if not holders:
            return
        level = list(islice(chain.from_iterable(holders), size + 1))
        size -= len(level)
        if size < 0:
            raise Undecodable("it contains itself, or repeats its parts so often that the value is far larger")
    raise TooDeep
