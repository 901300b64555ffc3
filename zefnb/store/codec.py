"""The encoding of values as bytes for the disk.

Plain data is pickled. Any other value, such as an entity, an effect or a chain, is stored as the name of its kind and
plain parts (see `vocabulary`). Before bytes are decoded, `scan` checks all of them. The unpickler accepts exactly one
global, which only holds a name and parts. When everything is read, functions that check the parts make the values of
them. A file can therefore not run code, and the size of a value is bounded by the size of its bytes.
"""

from __future__ import annotations

import io
import pickle
from typing import Any

from zefnb.errors import FieldError, InvalidValue, shown
from zefnb.store.hash_limit import CarefulReader, check_hashes
from zefnb.store.quick import check_size, is_plain, is_tiny
from zefnb.store.scan import DEEPEST, TooDeep, Undecodable, scan
from zefnb.store.vocabulary import KINDS, kind_of
from zefnb.text.controls import strip_controls

_ALLOWED = (
    "text, numbers, bool, None, bytes, dates; lists, tuples, dicts and sets; entities, effects, patterns, "
    "chains of library ops, handles; types with a converter"
)
# Part of the file format, and therefore independent of the names of modules.
_MODULE, _NAME = "zefnb.store.codec", "told"
# The most entity types in one value. A type takes a hundred times as much memory as its name.
MOST_TYPES = 1_000
_TYPED = ("entity", "entity type")
# The instructions for a global, and for a repeated part. Without such a byte there is no such instruction.
_GLOBAL, _GET = b"\x93", b"h"


class _Tagged:
    """A value as the name of its kind and plain parts."""

    # With `__slots__`, a pickle cannot set further attributes.
    __slots__ = ("kind", "parts")

    def __init__(self, kind: Any, *parts: Any) -> None:
        self.kind = kind
        self.parts = parts


class _Tagger:
    """The only global in the pickles. It is not a class or function, since a pickle could set their attributes."""

    __slots__ = ()

    def __call__(self, kind: Any, *parts: Any) -> _Tagged:
        return _Tagged(kind, *parts)

    def __reduce__(self) -> str:
        return _NAME


tagged = _Tagger()
# Its name in files, under which pickle looks it up when it writes.
told = tagged


class _Writer(pickle.Pickler):
    def __init__(self, buffer: io.BytesIO) -> None:
        super().__init__(buffer, protocol=5)
        self._types: set[str] = set()

    def reducer_override(self, value: Any) -> Any:
        if value is tagged:
            return NotImplemented
        kind = kind_of(value)
        if kind is None:
            raise InvalidValue("DictDatabase", [FieldError("value", f"got {shown(value)}", _ALLOWED, _hint(value))])
        parts = KINDS[kind].take(value)
        if kind in _TYPED:
            self._types.add(parts[0])
            if len(self._types) > MOST_TYPES:
                raise InvalidValue(
                    "DictDatabase", [FieldError("value", "it has too many types", f"{MOST_TYPES} at most")]
                )
        return tagged, (kind, *parts)


def _hint(value: Any) -> str:
    if hasattr(value, "tolist"):
        return "Store its .tolist()"
    if callable(value):
        return "Store the name of the function, and keep the function in the program"
    return "A database in memory can store any value"


def _found(module: str, name: str) -> Any:
    if (module, name) != (_MODULE, _NAME):
        raise Undecodable(f"it refers to {strip_controls(f'{module}.{name}', 160)}, which zefnb never writes")
    return tagged


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        return _found(module, name)


def encode(value: Any) -> bytes:
    """Return `value` as bytes. Raises `InvalidValue` for a part that cannot be stored.

    >>> decode(encode({'at': 1.5, 'tags': {'a'}}))
    {'at': 1.5, 'tags': {'a'}}
    """
    try:
        stored = _written(value)
        _check_written(stored, value)
    except RecursionError:
        raise InvalidValue("DictDatabase", [FieldError("value", _TOO_DEEP)]) from None
    except Undecodable as refused:
        return _written_out(value, refused)
    return stored


_TOO_DEEP = f"it contains itself, or is nested too deeply (more than {DEEPEST} containers)"


def _written(value: Any, repeats: bool = False) -> bytes:
    buffer = io.BytesIO()
    writer = _Writer(buffer)
    writer.fast = repeats
    writer.dump(value)
    return buffer.getvalue()


def _written_out(value: Any, refused: Undecodable) -> bytes:
    """Return `value` as bytes without repeated parts: each part is written wherever it occurs."""
    try:
        stored = _written(value, repeats=True)
        _check_written(stored, value)
    except (RecursionError, ValueError, Undecodable):
        raise InvalidValue("DictDatabase", [FieldError("value", f"it cannot be stored: {refused}")]) from None
    return stored


def _check_written(stored: bytes, value: Any) -> None:
    """Raise the same errors as reading the bytes would."""
    if is_tiny(stored):
        return
    if is_plain(stored):
        check_size(value, len(stored))
    elif scan(stored).has_chosen_hashes:
        _decoded(stored)


def decode(stored: bytes) -> Any:
    """Return the value that `encode` wrote. Raises `Undecodable` for other bytes, and runs no code from them."""
    if type(stored) is not bytes:
        raise Undecodable(f"it is of type {type(stored).__name__}, not bytes")
    try:
        return _decoded(stored)
    except TooDeep as error:
        raise Undecodable(f"{error}; if an earlier zefnb wrote it, read it with that version, and flatten it") from None
    except Undecodable:
        raise
    except Exception as error:  # damaged bytes may raise any exception
        raise Undecodable(f"it is damaged ({type(error).__name__}: {strip_controls(str(error), 160)})") from None


def _decoded(stored: bytes) -> Any:
    if is_tiny(stored):
        if _GLOBAL in stored:
            return _Made()(_Reader(io.BytesIO(stored)).load())
        value = pickle.loads(stored)
        if _GET in stored:
            check_size(value, len(stored))
        return value
    if is_plain(stored):
        value = pickle.loads(stored)
        check_size(value, len(stored))
        return value
    found = scan(stored)
    if found.has_chosen_hashes:
        value = CarefulReader(stored, _found).load()
    elif found.has_global:
        value = _Reader(io.BytesIO(stored)).load()
    else:
        value = pickle.loads(stored)
    return _Made()(value) if found.has_global or found.has_repeated else value


class _Made:
    """Makes the values of the tagged parts in a value.

    A tagged value that occurs several times is made once; a list, dict or set is copied at each place.
    """

    def __init__(self) -> None:
        self._made: dict[int, Any] = {}
        self._types: set[str] = set()

    def __call__(self, value: Any) -> Any:
        cls = type(value)
        if cls is _Tagged:
            made = self._made
            if id(value) not in made:
                if value.kind in _TYPED:
                    self._count(value.parts[0])
                made[id(value)] = KINDS[value.kind].make(*map(self, value.parts))
            return made[id(value)]
        if cls is dict:
            keys = list(map(self, value))
            check_hashes(keys)
            return dict(zip(keys, map(self, value.values()), strict=True))
        if cls in (list, tuple):
            return cls(map(self, value))
        if cls in (set, frozenset):
            members = list(map(self, value))
            check_hashes(members)
            return cls(members)
        return bytearray(value) if cls is bytearray else value

    def _count(self, name: str) -> None:
        self._types.add(name)
        if len(self._types) > MOST_TYPES:
            raise Undecodable(f"it has entities of more than {MOST_TYPES} types")
