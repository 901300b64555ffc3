"""Records: immutable values with named fields, the base of entities and effects."""

from __future__ import annotations

import keyword
import unicodedata
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, NoReturn, TypeVar

from zefnb.core.secret_fields import LEFT_OUT, Secrecy
from zefnb.errors import FieldError, Hint, InvalidValue, MissingField
from zefnb.text.controls import strip_controls
from zefnb.text.short_repr import Parts, Scope, named, pairs, parts_of, reads, short_repr

R = TypeVar("R", bound="Record")
_MOST_LISTED = 40


class Record:
    """A value with a type, fields, and perhaps a uid.

    Instances have no public attributes except their fields; the functions of this module work with records:
    `fields_of`, `uid_of`, `replaced`. Records with uids are equal if type and uid are equal, others if type and
    fields are.
    """

    __slots__ = ("__dict__", "_uid")
    _uid: str | None
    # Added to the error about a missing field.
    _advice = ""
    # How texts show the fields, for types whose fields may be secrets.
    _secrecy: Secrecy | None = None

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self)!r} is immutable; make a new one with `insert({name!r}, ...)`")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{type(self)!r} is immutable")

    def __getattr__(self, name: str) -> Any:
        # Called only if no field has that name; tools look up names with an underscore to find features.
        if name.startswith("_"):
            raise AttributeError(name)
        names = list(self.__dict__)
        more = f", ... of {len(names):,}" if len(names) > _MOST_LISTED else ""
        listed = strip_controls(", ".join(names[:_MOST_LISTED])) + more if names else "it has none"
        problem = f"no field {short_repr(name)}; fields: {listed}{type(self)._advice}"
        raise MissingField(repr(type(self)), [FieldError("", problem, hint=Hint(name, names))])

    def __dir__(self) -> list[str]:
        return list(self.__dict__)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if type(other) is not type(self):
            return NotImplemented
        if self._uid is not None or other._uid is not None:
            return self._uid == other._uid
        try:
            return self.__dict__ == other.__dict__
        except RecursionError:
            raise _too_deep(self) from None

    def __hash__(self) -> int:
        if self._uid is not None:
            return hash(self._uid)
        try:
            return hash((type(self), structural_hash(self.__dict__)))
        except RecursionError:
            raise _too_deep(self) from None

    def __repr__(self) -> str:
        try:
            return self._written()
        except RecursionError:
            return short_repr(self)

    def _written(self) -> str:
        parts = [repr(self._uid)] if self._uid is not None else []
        odd = {name: value for name, value in self.__dict__.items() if not _can_be_written(name)}
        parts += [f"{name}={_shown(self, name, value)!r}" for name, value in self.__dict__.items() if name not in odd]
        parts += [f"**{odd!r}"] if odd else []
        return f"{type(self)!r}({', '.join(parts)})"

    def __copy__(self: R) -> R:
        return self

    def __deepcopy__(self: R, memo: object) -> R:
        return self


def _too_deep(record: Record) -> InvalidValue:
    name = next((name for name, value in record.__dict__.items() if not isinstance(value, str | int | float)), "")
    return InvalidValue(repr(type(record)), [FieldError(name, "it is nested too deeply", "a flatter value")])


def _shown(record: Record, name: str, value: Any) -> Any:
    """Return the value of a field for a text, without secrets."""
    secrecy = type(record)._secrecy
    return value if secrecy is None else secrecy.show(name, record.__dict__)


def secrets_of(record: Record) -> list[str]:
    """Return the names of the fields of `record` that no text shows, or shows in part."""
    if type(record)._secrecy is None:
        return []
    return [name for name in record.__dict__ if _is_secret(record, name)]


def refuse_secrets(record: Record) -> None:
    """Raise `InvalidValue` if `record` has a secret that no pickle holds."""
    cls = type(record)
    if cls._secrecy is None or cls._secrecy.may_be_pickled:
        return
    # A verbose traceback shows the variables of this frame, so none of them may hold the fields.
    secrets = ", ".join(secrets_of(record))
    if secrets:
        problem = f"it has {secrets}, which no pickle holds"
        raise InvalidValue(repr(cls), [FieldError("", problem, hint="make it again where it is needed")])


def _is_secret(record: Record, name: str) -> bool:
    value = record.__dict__[name]
    shown = _shown(record, name, value)
    return shown is not value and bool(shown != value)


@reads(Record.__repr__)
def _parts(record: Record, scope: Scope) -> Parts:
    """Yield the parts of a record's `repr`."""
    fields = {
        name: LEFT_OUT if name in scope.hidden else _shown(record, name, value)
        for name, value in islice(record.__dict__.items(), scope.longest)
    }
    odd = {name: value for name, value in fields.items() if not _can_be_written(name)}
    yield f"{type(record)!r}("
    if record._uid is not None:
        yield from parts_of(record._uid, scope)
        yield ", " if fields else ""
    yield from named(((name, value) for name, value in fields.items() if name not in odd), scope)
    if odd:
        yield f"{', ' if len(fields) > len(odd) else ''}**{{"
        yield from pairs(odd.items(), scope)
        yield "}"
    yield ")"


def _can_be_written(name: str) -> bool:
    # Python normalizes identifiers: `µ` would be read as another character.
    return name.isidentifier() and not keyword.iskeyword(name) and unicodedata.is_normalized("NFKC", name)


def assemble(cls: type[R], uid: str | None, fields: Mapping[str, Any]) -> R:
    """Return a record of `cls` with these fields, unchecked: for copies and for unpickling."""
    record = new_record(cls)
    set_uid(record, uid)
    record.__dict__.update(fields)
    return record


new_record = object.__new__
# The slots' own setters bypass the `__setattr__` that makes a record immutable, and take half the time of
# `object.__setattr__`. `set_fields` does not copy the dict, so nothing else may hold it: 0.1 us, `update` takes 0.3.
set_uid = Record.__dict__["_uid"].__set__
set_fields = Record.__dict__["__dict__"].__set__


def fields_of(record: Record) -> dict[str, Any]:
    """Return the fields of an entity or effect as a new dict."""
    return dict(record.__dict__)


def uid_of(record: Record) -> str | None:
    """Return the uid or the plain name of a record, or `None` if it has none."""
    return record._uid


def replaced(record: R, /, **changes: Any) -> R:
    """Return a copy of `record` with some fields set. The fields of effects are checked."""
    check_field_names(type(record), changes)
    check = getattr(type(record), "__check__", None)
    if check is not None:
        check(changes)
    return assemble(type(record), record._uid, {**record.__dict__, **changes})


def structural_hash(value: Any) -> int:
    """Return a hash by content, also for lists, dicts and sets; equal values have equal hashes.

    >>> structural_hash([1, {'a': 2}]) == structural_hash([1, {'a': 2}])
    True
    """
    if isinstance(value, dict):
        return hash(("dict", frozenset((key, structural_hash(item)) for key, item in value.items())))
    if isinstance(value, list):
        return hash(("list", tuple(map(structural_hash, value))))
    if isinstance(value, tuple):
        return hash(("tuple", tuple(map(structural_hash, value))))
    if isinstance(value, set | frozenset):
        return hash(frozenset(value))
    if isinstance(value, bytearray | memoryview):
        return hash(bytes(value))
    try:
        return hash(value)
    except TypeError:
        return hash(type(value))


# Some of the names that `check_field_names` has accepted, so that a caller can test all names of a record at once.
VALID_NAMES: set[str] = set()
_REMEMBERED_NAMES = 10_000


def check_field_names(cls: type, names: Iterable[str]) -> None:
    """Raise `InvalidValue` for names with a leading underscore, which tools look up to find features."""
    for name in names:
        if name.startswith("_"):
            raise InvalidValue(repr(cls), [FieldError(name, "field names that begin with an underscore are refused")])
        if type(name) is str and len(VALID_NAMES) < _REMEMBERED_NAMES:
            VALID_NAMES.add(name)
