"""A look over a pickle before it is decoded: stored bytes may come from anybody.

`scan` reads the instructions once, in time that grows with their number, and makes nothing. It refuses
instructions that `encode` never writes, lengths beyond the end, parts that hold themselves, nesting that
would exhaust the stack of C, and parts that name one another so often that the value is far larger than
what was read.
"""

from __future__ import annotations

from typing import Any, NamedTuple

DEEPEST = 256
# A value of which nothing is written twice weighs less than its bytes. Parts that are written once and named
# again count each time; this much more is allowed, and less where each mention is to be a copy.
SPARE_WEIGHT = 20_000
WEIGHT_PER_BYTE = 16
COPIES_PER_BYTE = 2
# Text and bytes weigh one for each so many bytes of them, and one.
BYTES_PER_WEIGHT = 64

# Keys whose hashes can be chosen, in all. So few take no time, whatever their hashes.
MAX_CHOSEN_HASHES = 100

_PROTOCOLS = (b"\x80\x04", b"\x80\x05")


class Undecodable(Exception):
    """Stored bytes that `encode` did not write. Stores make a `StorageFailed` of it, which names the file."""


class TooDeep(Undecodable):
    """More than `DEEPEST` containers are in one another."""

    def __init__(self) -> None:
        super().__init__(f"it is nested more than {DEEPEST} deep")


class Scan(NamedTuple):
    """What is in a pickle.

    Whether it names a global; whether a list, dict or set of it is in several places; and whether it has more than
    `MOST_CHOSEN` keys whose hashes could have been chosen by who wrote it.
    """

    has_global: bool
    has_repeated: bool
    has_chosen_hashes: bool


# A value that is not made yet: its kind, how deep it nests, how much it is with all that it holds, whether something
# may still be added to it, and whether it can change once it is made. A list, as it is made ten times as fast as an
# object with attributes. What is small, holds nothing and never changes is `None`.
_Part = list[Any]
_Item = _Part | None
_KIND, _DEPTH, _WEIGHT, _OPEN, _CHANGES = range(5)

_REDUCE, _GLOBAL, _FRAME, _LONG_GET, _APPEND, _SETITEM = 0x52, 0x93, 0x95, 0x6A, 0x61, 0x73
_LIST, _DICT, _SET, _FROZENSET, _TUPLE, _BYTEARRAY, _TEXT = 0x5D, 0x7D, 0x8F, 0x91, 0x74, 0x96, 0x8C
# How long the instruction is for None, True, False, (), an int of 4, 1 and 2 bytes, a float.
_PLAIN = {0x4E: 1, 0x88: 1, 0x89: 1, 0x29: 1, 0x4A: 5, 0x4B: 2, 0x4D: 3, 0x47: 9}
# By how many bytes the length of text, bytes and long ints is told.
_SIZED = {_TEXT: 1, 0x58: 4, 0x8D: 8, 0x43: 1, 0x42: 4, 0x8E: 8, _BYTEARRAY: 8, 0x8A: 1, 0x8B: 4}
_LONG_INTS = frozenset((0x8A, 0x8B))
# An int of so many bytes at most has a hash that few others have.
_SHORT_INT = 8
# Text and bytes are hashed with a secret; other ints and floats have one hash each, or a few dozen at most.
_CHOSEN_KINDS = frozenset((_TUPLE, _FROZENSET, _REDUCE, *_LONG_INTS))
_EMPTY = frozenset((_LIST, _DICT, _SET))
_FILLS = {0x65: _LIST, 0x75: _DICT, 0x90: _SET}
_TUPLES = {0x85: 1, 0x86: 2, 0x87: 3}


def scan(stored: bytes) -> Scan:
    """Look over a pickle; `Undecodable` says why it is refused."""
    if stored[:2] not in _PROTOCOLS:
        raise Undecodable("it does not begin as a value does")
    try:
        return _Scanner(stored).run()
    except IndexError:
        raise Undecodable("it is damaged: it ends too soon, or names parts that are not there") from None


class _Scanner:
    __slots__ = (
        "_chosen_hashes",
        "_has_global",
        "_has_repeated",
        "_marks",
        "_max_weight",
        "_memo",
        "_stack",
        "_stored",
    )

    def __init__(self, stored: bytes) -> None:
        self._stored = stored
        self._stack: list[_Item] = []
        self._marks: list[int] = []
        self._memo: list[_Item] = []
        self._has_global = self._has_repeated = False
        self._chosen_hashes = 0
        self._max_weight = SPARE_WEIGHT + WEIGHT_PER_BYTE * len(stored)

    def run(self) -> Scan:
        stored, stack, marks, memo, plain = self._stored, self._stack, self._marks, self._memo, _PLAIN
        at = 2
        # Every honest value comes through here: the most frequent first, and short.
        while (code := stored[at]) != 0x2E:
            if code == 0x8C and (size := stored[at + 1]) < BYTES_PER_WEIGHT:
                at += 2 + size
                stack.append(None)
                if stored[at] == 0x94:
                    memo.append(None)
                    at += 1
            elif code in plain:
                stack.append(None)
                at += plain[code]
            elif code == 0x68:
                part = memo[stored[at + 1]]
                stack.append(part and self._repeated(part))
                at += 2
            elif code == 0x94:
                memo.append(stack[-1])
                at += 1
            elif code == 0x28:
                marks.append(len(stack))
                at += 1
            elif code in _EMPTY:
                stack.append([code, 1, 1, True, True])
                at += 1
            elif code in _FILLS:
                self._fill(_FILLS[code], self._from_mark())
                at += 1
            else:
                at += self._other_instruction(code, at)
        if at != len(stored) - 1 or len(stack) != 1 or marks:
            raise Undecodable("it is damaged: it goes on after its end, or leaves parts over")
        return Scan(self._has_global, self._has_repeated, self._chosen_hashes > MAX_CHOSEN_HASHES)

    def _other_instruction(self, code: int, at: int) -> int:
        """Take an instruction that is not frequent; how long it is."""
        if code in _SIZED:
            return self._sized(code, at)
        if code == _FRAME:
            return 9
        if code == _LONG_GET:
            part = self._memo[int.from_bytes(self._stored[at + 1 : at + 5], "little")]
            self._stack.append(part and self._repeated(part))
            return 5
        self._compose(code)
        return 1

    def _sized(self, code: int, at: int) -> int:
        begin = at + 1 + _SIZED[code]
        size = int.from_bytes(self._stored[at + 1 : begin], "little")
        if begin + size >= len(self._stored):
            raise Undecodable(f"it is damaged: it announces {size:,} bytes and ends before")
        is_small = size <= _SHORT_INT if code in _LONG_INTS else size < BYTES_PER_WEIGHT and code != _BYTEARRAY
        self._stack.append(None if is_small else [code, 0, 1 + size // BYTES_PER_WEIGHT, False, code == _BYTEARRAY])
        return begin + size - at

    def _repeated(self, part: _Part) -> _Part:
        """A part that was remembered, in one more place; from now on nothing is added to it, least of all itself."""
        part[_OPEN] = False
        if part[_CHANGES]:
            self._has_repeated = True
            self._max_weight = SPARE_WEIGHT + COPIES_PER_BYTE * len(self._stored)
        return part

    def _from_mark(self) -> list[_Item]:
        begin = self._marks.pop()
        items = self._stack[begin:]
        del self._stack[begin:]
        return items

    def _fill(self, kind: int, items: list[_Item]) -> None:
        target = self._stack[-1]
        if target is None or target[_KIND] != kind or not target[_OPEN]:
            raise Undecodable("it is damaged: a part holds itself, or is filled with what it cannot hold")
        if items.count(None) == len(items):
            target[_WEIGHT] += len(items)
        else:
            self._add(target, items)
            if kind != _LIST:
                self._count_chosen(items[::2] if kind == _DICT else items)

    def _count_chosen(self, keys: list[_Item]) -> None:
        self._chosen_hashes += sum([key is not None and key[_KIND] in _CHOSEN_KINDS for key in keys])

    def _add(self, holder: _Part, items: list[_Item]) -> None:
        for item in items:
            if item is None:
                holder[_WEIGHT] += 1
            else:
                item[_OPEN] = False
                holder[_WEIGHT] += item[_WEIGHT]
                holder[_DEPTH] = max(holder[_DEPTH], item[_DEPTH] + 1)
                holder[_CHANGES] |= item[_CHANGES]
        if holder[_DEPTH] > DEEPEST:
            raise TooDeep
        if holder[_WEIGHT] > self._max_weight:
            raise Undecodable("its parts name one another so often that the whole is far larger than what was read")

    def _compose(self, code: int) -> None:
        stack = self._stack
        if code in _TUPLES:
            self._add_container(_TUPLE, self._last(_TUPLES[code]))
        elif code in (_TUPLE, _FROZENSET):
            items = self._from_mark()
            self._add_container(code, items)
            if code == _FROZENSET:
                self._count_chosen(items)
        elif code == _APPEND:
            self._fill(_LIST, [stack.pop()])
        elif code == _SETITEM:
            self._fill(_DICT, self._last(2))
        elif code == _GLOBAL:
            stack.pop()
            stack[-1] = None
            self._has_global = True
        elif code == _REDUCE:
            self._make_of(stack.pop())
        else:
            raise Undecodable(f"it has the instruction {code:#04x}, which no value of zefnb has")

    def _last(self, count: int) -> list[_Item]:
        begin = max(len(self._stack) - count, 0)
        items = self._stack[begin:]
        del self._stack[begin:]
        return items

    def _add_container(self, kind: int, items: list[_Item]) -> None:
        part = [kind, 1, 1, False, False]
        self._add(part, items)
        self._stack.append(part)

    def _make_of(self, parts: _Item) -> None:
        """What a global makes of its parts: once, however often it is named, so that it needs no copies."""
        depth, weight = (0, 1) if parts is None else (parts[_DEPTH], parts[_WEIGHT])
        self._stack[-1] = [_REDUCE, depth, weight, False, False]
