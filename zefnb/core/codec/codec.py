"""The encoding of values as bytes, for files and for other processes.

Plain data is pickled. Any other value, such as an entity, an effect or a chain, is stored as the name of its kind and
plain parts (see `vocabulary`). Before bytes are decoded, `scan` checks all of them. The unpickler accepts exactly one
global, which only holds a name and parts. When everything is read, functions that check the parts make the values of
them. Bytes can therefore not run code, and the size of a value is bounded by the size of its bytes.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterable
from typing import Any, NamedTuple

from zefnb.core.codec.hash_limit import CarefulReader, check_hashes
from zefnb.core.codec.quick import check_size, is_plain, is_tiny
from zefnb.core.codec.scan import DEEPEST, TooDeep, Undecodable, scan
from zefnb.core.codec.short_text import decode_short_text, encode_short_text
from zefnb.core.codec.vocabulary import FUNCTION_HINT, Unencodable, find_kind, kind_of
from zefnb.core.effect import EffectType
from zefnb.core.entity import EntityType, Topic
from zefnb.core.record import Record, secrets_of
from zefnb.errors import FieldError, InvalidValue, shown
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
# The types of values that are read as they are.
_FINISHED = frozenset((str, bytes, int, float, bool, type(None)))
_TEXT = frozenset((str,))
# The instructions for a global, and for a repeated part. Without such a byte there is no such instruction.
_GLOBAL, _GET = b"\x93", b"h"


class Destination(NamedTuple):
    """Where encoded values go, for the errors: the name of the effect or type, the verb, an alternative, the field."""

    name: str
    verb: str
    alternative: str
    field: str = "value"


DATABASE = Destination("DictDatabase", "Store", "A database in memory can store any value")


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
    __module__ = _MODULE

    def __call__(self, kind: Any, *parts: Any) -> _Tagged:
        return _Tagged(kind, *parts)

    def __reduce__(self) -> str:
        return _NAME


# `pickle` looks it up under its name in files, which `zefnb/store/codec.py` has.
tagged = _Tagger()


class _Writer(pickle.Pickler):
    def __init__(self, buffer: io.BytesIO) -> None:
        super().__init__(buffer, protocol=5)
        self._types: set[str] = set()
        # The names and uids of the topics, if they are wanted.
        self.topics: set[str] | None = None
        self.keeps_secrets = True

    def reducer_override(self, value: Any) -> Any:
        if value is tagged:
            return NotImplemented
        cls = type(value)
        if not self.keeps_secrets and isinstance(value, Record) and (secrets := secrets_of(value)):
            raise Unencodable(f"{cls!r} has {', '.join(secrets)}, which may be secret")
        if type(cls) is EffectType:  # as below, in half the time
            return tagged, ("effect", cls.__name__, value.__dict__)
        kind = "entity" if type(cls) is EntityType else kind_of(value)
        if kind is None:
            raise Unencodable(f"got {shown(value)}", _ALLOWED, _hint(value))
        parts = find_kind(kind).take(value)
        if cls is Topic and self.topics is not None and value._uid is not None:
            self.topics.add(value._uid)
        if kind in _TYPED:
            self._types.add(parts[0])
            if len(self._types) > MOST_TYPES:
                raise Unencodable("it has too many types", f"{MOST_TYPES} at most")
        return tagged, (kind, *parts)


class QuickWriter(_Writer):
    """Writes many values as `encode` does, in a third of the time: without its checks, to compare stored bytes.

    Values with the same bytes are the same when they are read. Equal values may have different bytes, such as sets.
    """

    def __init__(self) -> None:
        self._buffer = io.BytesIO()
        super().__init__(self._buffer)

    def written(self, value: Any) -> bytes | None:
        """Return the bytes of `value`, or `None` if it has no encoding."""
        self._buffer.seek(0)
        self._buffer.truncate()
        self.clear_memo()
        self._types.clear()
        try:
            self.dump(value)
        except Exception:  # also one of a user's converter
            return None
        return self._buffer.getvalue()


def _hint(value: Any) -> str:
    if hasattr(value, "tolist"):
        return "{verb} its .tolist()"
    return FUNCTION_HINT if callable(value) else "{alternative}"


def _found(module: str, name: str) -> Any:
    if (module, name) != (_MODULE, _NAME):
        raise Undecodable(f"it refers to {strip_controls(f'{module}.{name}', 160)}, which zefnb never writes")
    return tagged


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        return _found(module, name)


def encode(
    value: Any, destination: Destination = DATABASE, topics: set[str] | None = None, *, secrets: bool = True
) -> bytes:
    """Return `value` as bytes. Raises `InvalidValue` for a part that has no encoding.

    The names and uids of all topics in the value are added to `topics`, if it is given. Without `secrets`, a field
    that no text shows, such as a password of `FX.StartHTTPServer`, has no encoding.

    >>> decode(encode({'at': 1.5, 'tags': {'a'}}))
    {'at': 1.5, 'tags': {'a'}}
    """
    if type(value) is str and (text := encode_short_text(value)) is not None:
        return text
    try:
        return _encoded(value, topics, secrets)
    except Unencodable as refused:
        hint = refused.hint.format_map(destination._asdict())
        fault = FieldError(destination.field, refused.problem, refused.allowed, hint)
        raise InvalidValue(destination.name, [fault]) from None


def _encoded(value: Any, topics: set[str] | None, secrets: bool) -> bytes:
    try:
        stored = _written(value, topics=topics, secrets=secrets)
        _check_written(stored, value)
    except (RecursionError, TooDeep):
        raise Unencodable(_TOO_DEEP) from None
    except Undecodable as refused:
        return _written_out(value, refused)
    return stored


_TOO_DEEP = f"it contains itself, or is nested too deeply (more than {DEEPEST} containers)"


def _written(value: Any, repeats: bool = False, topics: set[str] | None = None, secrets: bool = True) -> bytes:
    buffer = io.BytesIO()
    writer = _Writer(buffer)
    writer.topics, writer.keeps_secrets = topics, secrets
    writer.fast = repeats
    writer.dump(value)
    return buffer.getvalue()


def _written_out(value: Any, refused: Undecodable) -> bytes:
    """Return `value` as bytes without repeated parts: each part is written wherever it occurs."""
    try:
        stored = _written(value, repeats=True)
        _check_written(stored, value)
    except (RecursionError, ValueError, Undecodable):
        raise Unencodable(f"it cannot be stored: {refused}") from None
    return stored


def _check_written(stored: bytes, value: Any) -> None:
    """Raise the same errors as reading the bytes would."""
    is_small = is_tiny(stored)
    if is_small and _GET not in stored:
        return
    if is_small and _GLOBAL in stored:
        _decoded(stored)
    elif is_small or is_plain(stored):
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
    if (text := decode_short_text(stored)) is not None:
        return text
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
            known = self._made.get(id(value), self)
            return self._make(value) if known is self else known
        if cls is dict:
            return self._dict(value)
        if cls in (list, tuple):
            return cls(self._all(value))
        if cls in (set, frozenset):
            members = self._all(value)
            check_hashes(members)
            return cls(members)
        return bytearray(value) if cls is bytearray else value

    def _make(self, value: _Tagged) -> Any:
        kind, parts = value.kind, value.parts
        if kind in _TYPED:
            self._count(parts[0])
        made = self._made[id(value)] = find_kind(kind).make(*self._all(parts))
        return made

    def _all(self, items: Iterable[Any]) -> list[Any]:
        # Most items are text and numbers, and a call for each would take half of the time.
        return [item if type(item) in _FINISHED else self(item) for item in items]

    def _dict(self, value: dict[Any, Any]) -> dict[Any, Any]:
        if _TEXT.issuperset(map(type, value)):
            return {key: item if type(item) in _FINISHED else self(item) for key, item in value.items()}
        keys = self._all(value)
        check_hashes(keys)
        return dict(zip(keys, self._all(value.values()), strict=True))

    def _count(self, name: str) -> None:
        self._types.add(name)
        if len(self._types) > MOST_TYPES:
            raise Undecodable(f"it has entities of more than {MOST_TYPES} types")
