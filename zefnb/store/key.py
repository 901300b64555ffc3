"""Keys: the allowed types, and the bytes that identify a key on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import NoneType
from typing import Any

from zefnb.core.entity import Entity, EntityType
from zefnb.core.time import Time
from zefnb.core.types import ByteArray
from zefnb.core.uid import EntityUid
from zefnb.errors import FieldError, InvalidValue, shown
from zefnb.text.short_repr import short_repr

_LONGEST_NAME = 80
_SCALARS = (str, int, float, bool)
_ALLOWED = "text, numbers, bool, None, bytes, Time, entities, entity types, uids; tuples and frozensets of these"


def checked_key(key: Any) -> Any:
    """Return `key`. Raises `InvalidValue` if a database cannot have such a key."""
    if type(key) is not str:
        try:
            canonical_key(key)
        except RecursionError:
            raise InvalidValue("DictDatabase", [FieldError("key", "it is nested too deeply", _ALLOWED)]) from None
    return key


def canonical_key(key: Any) -> bytes:
    """Return bytes that are equal for two keys exactly if a dict treats the keys as equal.

    >>> canonical_key(1) == canonical_key(True) == canonical_key(1.0), canonical_key(1) == canonical_key('1')
    (True, False)
    """
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
    return canonical_key(plain)


def _equal_plain(key: Any) -> Any:
    """Return an equal key of a plain type, such as the `int` of a numpy integer, or else the key itself."""
    from zefnb.core.values import converted, converter_of

    if converter_of(type(key)) is None:
        return key
    plain = converted(key)
    return plain if type(plain) in _SCALARS and plain == key and hash(plain) == hash(key) else key


def key_name(key: Any) -> str:
    """Return the text of a key for an error."""
    return short_repr(key, _LONGEST_NAME)


def _of_entity(entity: Entity) -> bytes:
    name = type(entity).__name__.encode()
    if entity._uid is not None:
        return b"u" + _joined((name, entity._uid.encode()))
    fields = (canonical_key(field) for field in sorted(entity.__dict__.items()))
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
    tuple: lambda key: b"(" + _joined(map(canonical_key, key)),
    frozenset: lambda key: b"{" + _joined(sorted(map(canonical_key, key))),
}
