"""Values to bytes for the disk, and back.

Plain data is pickled. Whatever else there is, an entity, an effect, a chain, is told in plain data
under the name of its kind (see `vocabulary`). Reading, pickle may find exactly one global, which
does nothing but hold those parts; only when all is read are they made into values, by functions that
check them. So a file can name nothing that would run.
"""

from __future__ import annotations

import io
import pickle
from typing import Any

from zefnb.errors import Fault, InvalidValue, shown
from zefnb.store.vocabulary import KINDS, kind_of

_ALLOWED = (
    "text, numbers, bool, None, bytes, dates; lists, tuples, dicts and sets; entities, effects, patterns, "
    "chains of library ops, handles"
)
# Part of the format of files: not to be changed with the names of modules.
_MODULE, _NAME = "zefnb.store.codec", "told"


class Undecodable(Exception):
    """Stored bytes that `encode` did not write. Stores make a `StorageFailed` of it, which names the file."""


class _Told:
    """A value as it was told: the name of its kind, and plain parts."""

    # Without a place for attributes, pickle's instruction to set some finds none.
    __slots__ = ("kind", "parts")

    def __init__(self, kind: Any, *parts: Any) -> None:
        self.kind = kind
        self.parts = parts


class _Teller:
    """The one global in our pickles. Not a class or function, whose attributes a pickle could set."""

    __slots__ = ()

    def __call__(self, kind: Any, *parts: Any) -> _Told:
        return _Told(kind, *parts)

    def __reduce__(self) -> str:
        return _NAME


told = _Teller()


class _Writer(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        if value is told:
            return NotImplemented
        kind = kind_of(value)
        if kind is None:
            raise InvalidValue("DictDatabase", [Fault("value", f"got {shown(value)}", _ALLOWED, _hint(value))])
        return told, (kind, *KINDS[kind].take(value))


def _hint(value: Any) -> str:
    if hasattr(value, "tolist"):
        return "its .tolist() can be kept"
    if callable(value):
        return "Keep functions in the program, and their names in the database"
    return "A database in memory keeps any value"


class _Reader(pickle.Unpickler):
    tells = False

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) != (_MODULE, _NAME):
            raise Undecodable(f"it names {module}.{name}, which no value of zefnb does")
        self.tells = True
        return told


def encode(value: Any) -> bytes:
    """`value` as bytes; `InvalidValue` names what cannot be kept.

    >>> decode(encode({'at': 1.5, 'tags': {'a'}}))
    {'at': 1.5, 'tags': {'a'}}
    """
    buffer = io.BytesIO()
    try:
        _Writer(buffer, protocol=5).dump(value)
    except RecursionError:
        raise InvalidValue("DictDatabase", [Fault("value", "it contains itself, or is nested too deeply")]) from None
    return buffer.getvalue()


def decode(stored: bytes) -> Any:
    """The value of `encode`; `Undecodable` for bytes that `encode` did not write. Runs nothing they name."""
    reader = _Reader(io.BytesIO(stored))
    try:
        value = reader.load()
        return _made(value) if reader.tells else value
    except Undecodable:
        raise
    except Exception as error:  # damaged bytes may raise anything
        raise Undecodable(f"it is damaged ({type(error).__name__}: {error})") from None


def _made(value: Any) -> Any:
    """`value` with everything that was told made into what it tells of."""
    cls = type(value)
    if cls is _Told:
        return KINDS[value.kind].make(*[_made(part) for part in value.parts])
    if cls is dict:
        return {_made(key): _made(item) for key, item in value.items()}
    if cls in (list, tuple, set, frozenset):
        return cls([_made(item) for item in value])
    return value
