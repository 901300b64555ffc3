"""A check of a pickle before it is decoded: stored bytes may come from anyone.

`scan` reads the instructions once, in linear time, and makes no values. It refuses instructions that `encode` never
writes, lengths beyond the end, parts that contain themselves, nesting that would exhaust the C stack, and parts that
are repeated so often that the value would be far larger than the bytes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

DEEPEST = 256
# The weight of a value without repeated parts is less than the number of its bytes. Each repetition of a part adds the
# weight of the part; this much more is allowed, and less if each repetition is a copy.
SPARE_WEIGHT = 20_000
WEIGHT_PER_BYTE = 16
COPIES_PER_BYTE = 2
# The weight of text and bytes is one, and one more for each this many bytes.
BYTES_PER_WEIGHT = 64

# The most keys, in total, with hashes that the author of a file can choose. So few are quick to compare.
MAX_CHOSEN_HASHES = 100

_PROTOCOLS = (b"\x80\x04", b"\x80\x05")


class Undecodable(Exception):
    """Stored bytes that `encode` did not write. Stores convert it to a `StorageFailed` with the name of the file."""


class TooDeep(Undecodable):
    """Containers are nested more than `DEEPEST` deep."""

    def __init__(self) -> None:
        super().__init__(f"it is nested more than {DEEPEST} deep")


class Scan(NamedTuple):
    """The properties of a pickle.

    They are: whether it refers to a global; whether a list, dict or set occurs in several places; and whether it has
    more than `MAX_CHOSEN_HASHES` keys whose hashes its author can choose.
    """

    has_global: bool
    has_repeated: bool
    has_chosen_hashes: bool


# A value in the pickle: its kind, its depth, its weight with all its parts, whether parts may still be added, and
# whether it is mutable. It is a list, which is made ten times as fast as an object with attributes. A small immutable
# value without parts is `None`.
_Part = list[Any]
_Item = _Part | None
_KIND, _DEPTH, _WEIGHT, _OPEN, _CHANGES = range(5)

_REDUCE, _GLOBAL, _FRAME, _LONG_GET, _APPEND, _SETITEM = 0x52, 0x93, 0x95, 0x6A, 0x61, 0x73
_LIST, _DICT, _SET, _FROZENSET, _TUPLE, _BYTEARRAY, _TEXT = 0x5D, 0x7D, 0x8F, 0x91, 0x74, 0x96, 0x8C
# The length of the instructions for None, True, False, (), an int of 4, 1 and 2 bytes, and a float.
_PLAIN = {0x4E: 1, 0x88: 1, 0x89: 1, 0x29: 1, 0x4A: 5, 0x4B: 2, 0x4D: 3, 0x47: 9}
# The number of bytes that hold the length of text, bytes and long ints.
_SIZED = {_TEXT: 1, 0x58: 4, 0x8D: 8, 0x43: 1, 0x42: 4, 0x8E: 8, _BYTEARRAY: 8, 0x8A: 1, 0x8B: 4}
_LONG_INTS = frozenset((0x8A, 0x8B))
# Ints of at most this many bytes share their hash with few others.
_SHORT_INT = 8
# The hashes of text and bytes depend on a secret, and short ints and floats share a hash with a few dozen at most.
_CHOSEN_KINDS = frozenset((_TUPLE, _FROZENSET, _REDUCE, *_LONG_INTS))
_EMPTY = frozenset((_LIST, _DICT, _SET))
_FILLS = {0x65: _LIST, 0x75: _DICT, 0x90: _SET}
_TUPLES = {0x85: 1, 0x86: 2, 0x87: 3}


def scan(stored: bytes) -> Scan:
    """Check a pickle. Raises `Undecodable` with the reason if it is refused."""
    if stored[:2] not in _PROTOCOLS:
        raise Undecodable("it does not begin like a stored value")
    try:
        return _Scanner(stored).run()
    except IndexError:
        raise Undecodable("it is damaged: it ends too early, or refers to parts that do not exist") from None


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
        # The most frequent instructions first, since this loop reads every valid value.
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
            raise Undecodable("it is damaged: it continues after its end, or has unused parts")
        return Scan(self._has_global, self._has_repeated, self._chosen_hashes > MAX_CHOSEN_HASHES)

    def _other_instruction(self, code: int, at: int) -> int:
        """Process a less frequent instruction. Returns its length."""
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
            raise Undecodable(f"it is damaged: it declares {size:,} bytes and ends before them")
        is_small = size <= _SHORT_INT if code in _LONG_INTS else size < BYTES_PER_WEIGHT and code != _BYTEARRAY
        self._stack.append(None if is_small else [code, 0, 1 + size // BYTES_PER_WEIGHT, False, code == _BYTEARRAY])
        return begin + size - at

    def _repeated(self, part: _Part) -> _Part:
        """Return a part that is repeated. It gets no more parts from now on, so that it cannot contain itself."""
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
            raise Undecodable("it is damaged: a part contains itself, or parts of a wrong type")
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
            raise Undecodable("its parts are repeated so often that the value is far larger than the stored bytes")

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
            raise Undecodable(f"it has the instruction {code:#04x}, which zefnb never writes")

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
        """Process a call of the global. Its result is made once, however often it occurs, so it is never copied."""
        depth, weight = (0, 1) if parts is None else (parts[_DEPTH], parts[_WEIGHT])
        self._stack[-1] = [_REDUCE, depth, weight, False, False]
