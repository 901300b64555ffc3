"""Keys: the allowed types, and the bytes that identify a key on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain, islice
from types import NoneType
from typing import Any

from zefnb.core.entity import Entity, EntityType
from zefnb.core.time import Time
from zefnb.core.types import ByteArray
from zefnb.core.uid import EntityUid
from zefnb.errors import FieldError, InvalidValue, shown
from zefnb.text.short_repr import short_repr

_LONGEST_NAME = 80
# A key is compared and hashed again and again, and its bytes are in the index of the file.
LONGEST_KEY = 1 << 20
MOST_KEY_PARTS = 10_000
_MOST_BYTES_PER_CHARACTER = 4
_SCALARS = (str, bytes, int, float, bool)
_CONTAINERS = (tuple, frozenset)
_ALLOWED = "text, numbers, bool, None, bytes, Time, entities, entity types, uids; tuples and frozensets of these"


def checked_key(key: Any) -> Any:
    """Return `key`. Raises `InvalidValue` if a database cannot have such a key."""
    if type(key) is not str or len(key) * _MOST_BYTES_PER_CHARACTER >= LONGEST_KEY:
        try:
            canonical_key(key)
        except RecursionError:
            raise InvalidValue("DictDatabase", [FieldError("key", "it is nested too deeply", _ALLOWED)]) from None
    return key


def canonical_key(key: Any) -> bytes:
    """Return bytes that are equal for two keys exactly if a dict treats the keys as equal.

    Raises `InvalidValue` if a database cannot have such a key, `RecursionError` if it is nested too deeply.

    >>> canonical_key(1) == canonical_key(True) == canonical_key(1.0), canonical_key(1) == canonical_key('1')
    (True, False)
    """
    if type(key) in _CONTAINERS or isinstance(key, Entity):
        _check_parts(key)
    canonical = _canonical(key)
    if len(canonical) > LONGEST_KEY:
        problem = f"it takes {len(canonical):,} bytes"
        raise InvalidValue("DictDatabase", [FieldError("key", problem, f"{LONGEST_KEY:,} bytes at most")])
    return canonical


def _check_parts(key: Any) -> None:
    """Raise `InvalidValue` if a key has too many parts, before any of them is written."""
    remaining, level = MOST_KEY_PARTS, [key]
    while level:
        holders = [part if type(part) in _CONTAINERS else part.__dict__.values() for part in level]
        found = list(islice(chain.from_iterable(holders), remaining + 1))
        remaining -= len(found)
        if remaining < 0:
            problem = f"it has more than {MOST_KEY_PARTS:,} parts"
            raise InvalidValue("DictDatabase", [FieldError("key", problem, f"{MOST_KEY_PARTS:,} parts at most")])
        level = [part for part in found if type(part) in _CONTAINERS or isinstance(part, Entity)]


def _canonical(key: Any) -> bytes:
    if isinstance(key, Entity):
        return _of_entity(key)
    if isinstance(key, EntityType):
        return b"E" + key.__name__.encode()
    write = KEY_WRITERS.get(type(key))
    if write is not None:
        return write(key)
    plain = _equal_plain(key)
    if type(plain) not in KEY_WRITERS:
        raise InvalidValue("DictDatabase", [FieldError("key", f"got {shown(key)}", _ALLOWED)])
    return _canonical(plain)


def _equal_plain(key: Any) -> Any:
    """Return an equal key of a plain type, such as the `int` of a numpy integer, or else the key itself."""
    from zefnb.core.values import has_plainer, plainer

    if not has_plainer(type(key)):
        return key
    plain = plainer(key)
    return plain if type(plain) in _SCALARS and plain == key and hash(plain) == hash(key) else key


def key_name(key: Any) -> str:
    """Return the text of a key for an error."""
    return short_repr(key, _LONGEST_NAME)


def _of_entity(entity: Entity) -> bytes:
    name = type(entity).__name__.encode()
    if entity._uid is not None:
        return b"u" + _joined((name, entity._uid.encode()))
    fields = (_canonical(field) for field in sorted(entity.__dict__.items()))
    return b"e" + _joined((name, *fields))


def _of_text(key: str) -> bytes:
    return b"s" + key.encode("utf-8", "surrogatepass")


def _of_int(key: int) -> bytes:
    # In hexadecimal, since the number of decimal digits is limited.
    return b"i" + format(key, "x").encode()


def _of_float(key: float) -> bytes:
    if key != key:
        hint = "It is not equal to itself, so that its value could not be found"
        raise InvalidValue("DictDatabase", [FieldError("key", "got nan", _ALLOWED, hint)])
    return _of_int(int(key)) if key.is_integer() else b"f" + key.hex().encode()


def _joined(parts: Iterable[bytes]) -> bytes:
    """Return the parts with their lengths, so that two different sequences of parts are never equal."""
    return b"".join(b"%d:%b" % (len(part), part) for part in parts)


# The writer for each type; the bytes of equal keys of different types must be equal.
KEY_WRITERS: dict[type, Callable[[Any], bytes]] = {
    str: _of_text,
    EntityUid: _of_text,
    bytes: lambda key: b"b" + key,
    ByteArray: lambda key: b"b" + key,
    int: _of_int,
    bool: _of_int,
    float: _of_float,
    NoneType: lambda key: b"n",
    Time: lambda key: b"t%d" % key.ns,
    tuple: lambda key: b"(" + _joined(map(_canonical, key)),
    frozenset: lambda key: b"{" + _joined(sorted(map(_canonical, key))),
}
