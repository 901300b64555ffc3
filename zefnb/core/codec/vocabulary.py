"""The values that encoded bytes may have in addition to plain data, and their form as plain data.

This is the allow-list. Other values cannot be written. The values of a file or message are made by the functions in
this module, which check all input, so that bytes from anyone cannot run code.
"""

from __future__ import annotations

import functools
import importlib
import operator
import types
import uuid
import zoneinfo
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

from zefnb.core.codec.kinds import Kind, is_registered_class, registered_class, registered_kind, registered_kind_of
from zefnb.core.effect import FX, Effect, EffectType, effect_type
from zefnb.core.entity import ET, Entity, EntityType, entity_type
from zefnb.core.op import NamedOp, Op, OpFactory, Step, as_chain, collect
from zefnb.core.time import ANY_TIME, Time
from zefnb.core.types import Array1, Bool, ByteArray, Bytes, Float, Int, Nil, String, Union, u8
from zefnb.core.uid import ANY_UID, EntityUid
from zefnb.core.values import has_plainer, plainer
from zefnb.errors import FieldError, InvalidValue, shown

_LIBRARY = "zefnb.ops"
_MOST_MEMBERS = 100
_LONGEST_TEXT = 100
_PATTERNS = (String, Bytes, Int, Float, Bool, Nil, u8, Array1[u8])
_TYPES = (bool, int, float, complex, str, bytes, bytearray, list, tuple, dict, set, frozenset, object)
_MORE_TYPES = (date, datetime, time, timedelta, Decimal, Time, EntityUid, ByteArray, Entity, Effect)
_FUNCTIONS = (abs, all, any, len, max, min, repr, round, sorted, sum)
# Without formatting, which reads the attributes that a text names.
_STR_METHODS = [name for name in dir(str) if not name.startswith(("_", "format", "maketrans"))]

# Values that are stored as their name.
NAMED: dict[str, Any] = {
    **{repr(pattern): pattern for pattern in _PATTERNS},
    **{kind.__name__: kind for kind in (*_TYPES, *_MORE_TYPES)},
    **{function.__name__: function for function in _FUNCTIONS},
    **{f"str.{name}": getattr(str, name) for name in _STR_METHODS},
    "NoneType": types.NoneType,
    "Any": Any,
    "Array1": Array1,
    "ET": ET,
    "FX": FX,
    "collect": collect,
    "...": ...,
    "Time(...)": ANY_TIME,
    "EntityUid(...)": ANY_UID,
}
_name_of = {id(named): name for name, named in NAMED.items()}


FUNCTION_HINT = "{verb} the name of the function, and keep the function in the program"


class Unencodable(Exception):
    """A value that has no encoding. `encode` converts it to an `InvalidValue` that names the user's effect.

    Its hint may contain `{verb}` and `{alternative}` (see `Destination`).
    """

    def __init__(self, problem: str, allowed: str = "", hint: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.allowed = allowed
        self.hint = hint


def kind_of(value: Any) -> str | None:
    """Return the kind of `value`, or `None` if it cannot be stored."""
    if id(value) in _name_of or is_registered_class(value):
        return "named"
    if isinstance(value, Entity):
        return "entity"
    if isinstance(value, Effect):
        return "effect"
    if isinstance(value, EntityType):
        return "entity type"
    if isinstance(value, EffectType):
        return "effect type"
    if isinstance(value, NamedOp | OpFactory) and _library(value.__name__) is value:
        return "library"
    if isinstance(value, Op):
        return "chain"
    kind = (
        _by_type.get(type(value)) or registered_kind_of(type(value)) or ("library" if value is _library("F") else None)
    )
    return kind or ("converted" if has_plainer(type(value)) else None)


def _library(name: Any) -> Any:
    """Return the op of that name, or `F`. The module is imported by name, since it is in a higher package."""
    library = importlib.import_module(_LIBRARY)
    found = getattr(library, name) if name in library.__all__ else None
    return found if name == "F" or isinstance(found, NamedOp | OpFactory) else None


def _made_library(name: str) -> Any:
    found = _library(name)
    if found is None:
        raise InvalidValue("op", [FieldError("name", f"the library has no {name!r}")])
    return found


def _made_entity(name: str, uid: str | None, fields: dict[str, Any]) -> Any:
    return entity_type(name)(*([] if uid is None else [uid]), **fields)


def _made_bytes(given: Any) -> bytes:
    # `bytes` of a number would return that many zeros.
    if not isinstance(given, bytes):
        raise InvalidValue("bytes", [FieldError("", f"got {shown(given)}", "bytes")])
    return given


def _made_text(given: Any) -> str:
    # `Time` and `Decimal` accept more than the text that is stored for them.
    if type(given) is not str or len(given) > _LONGEST_TEXT:
        raise InvalidValue(
            "value", [FieldError("", f"got {shown(given)}", f"text of {_LONGEST_TEXT} characters at most")]
        )
    return given


def _name(named: Any) -> str:
    return _name_of.get(id(named)) or str(named.__name__)


def _made_named(name: str) -> Any:
    return NAMED[name] if name in NAMED else registered_class(name)


def _steps(chain: Op) -> tuple[Any, ...]:
    return tuple(map(_parts_of, chain.steps))


def _parts_of(step: Step) -> tuple[Any, ...]:
    """Return the parts of a step: an op of the library, a field, or a function that is stored as its name."""
    named = _library(step.name)
    if isinstance(named, NamedOp | OpFactory) and vars(named).get("__wrapped__") is step.function:
        return "op", step.name, step.args, step.kwargs
    if step.name.startswith("F.") and _field_op(step.name[2:]).steps[0] == step:
        return "field", step.name[2:]
    if id(step.function) in _name_of and not step.args and not step.kwargs:
        return "call", step.function
    raise Unencodable(f"got a chain with {shown(step)}", "ops of the library", FUNCTION_HINT)


def _field_op(name: str) -> Op:
    op = getattr(_library("F"), name)
    if not isinstance(op, Op):  # an attribute that every object has
        raise InvalidValue("F", [FieldError("field", f"got {name!r}")])
    return op


def _made_chain(*steps: tuple[Any, ...]) -> Op:
    made = [_made_step(*step) for step in steps]
    if not made:
        raise InvalidValue("op", [FieldError("", "a chain has steps")])
    # Made in one step, since joining the ops one by one would copy the earlier ones each time.
    return Op(tuple(step for op in made for step in op.steps))


def _made_step(kind: str, *parts: Any) -> Op:
    if kind == "op":
        name, args, kwargs = parts
        op = _made_library(name)
        return as_chain(op(*args, **kwargs) if isinstance(op, OpFactory) else op)
    if kind == "field":
        return _field_op(*parts)
    (function,) = parts
    if id(function) not in _name_of:
        raise InvalidValue("op", [FieldError("step", f"got {shown(function)}")])
    return as_chain(function)


def _take_datetime(moment: datetime) -> tuple[Any, ...]:
    return moment.replace(tzinfo=None).isoformat(), moment.fold, moment.tzinfo


def _made_datetime(text: str, fold: int, zone: Any) -> datetime:
    return datetime.fromisoformat(text).replace(fold=fold, tzinfo=zone)


def _take_time(moment: time) -> tuple[Any, ...]:
    return moment.replace(tzinfo=None).isoformat(), moment.fold, moment.tzinfo


def _made_time(text: str, fold: int, zone: Any) -> time:
    return time.fromisoformat(text).replace(fold=fold, tzinfo=zone)


def _made_timezone(offset: timedelta, *name: str) -> timezone:
    return timezone(offset, *name) if offset or name else UTC


def _made_union(*members: Any) -> Any:
    return functools.reduce(operator.or_, map(_checked_type, _limited(members)))


def _limited(members: tuple[Any, ...]) -> tuple[Any, ...]:
    # Joining the types takes cubic time, since each join compares all types with each other.
    if len(members) > _MOST_MEMBERS:
        raise InvalidValue("type", [FieldError("", f"a union of {len(members)} types", f"{_MOST_MEMBERS} at most")])
    return members


def _made_generic(origin: Any, args: Any) -> Any:
    return operator.getitem(_checked_type(origin), args)


def _checked_type(given: Any) -> Any:
    # The `|` or `[]` of any other value could run its code.
    if given is not None and type(given) not in (type, types.GenericAlias):
        raise InvalidValue("type", [FieldError("", f"got {shown(given)}", "a type")])
    return given


KINDS: dict[str, Kind] = {
    "named": Kind(lambda value: (_name(value),), _made_named),
    "entity": Kind(lambda value: (type(value).__name__, value._uid, value.__dict__), _made_entity),
    "effect": Kind(lambda value: (type(value).__name__, value.__dict__), lambda name, f: effect_type(name)(**f)),
    "entity type": Kind(lambda value: (value.__name__,), entity_type),
    "effect type": Kind(lambda value: (value.__name__,), effect_type),
    "library": Kind(lambda value: (getattr(value, "__name__", "F"),), _made_library),
    "chain": Kind(_steps, _made_chain),
    "union": Kind(lambda value: (value.members,), Union),
    "type union": Kind(lambda value: _limited(value.__args__), _made_union),
    "generic": Kind(lambda value: (value.__origin__, value.__args__), _made_generic),
    "array": Kind(lambda value: (bytes(value),), lambda given: ByteArray(_made_bytes(given))),
    "uid": Kind(lambda value: (str(value),), EntityUid),
    "Time": Kind(lambda value: (str(value),), lambda text: Time(_made_text(text))),
    "complex": Kind(lambda value: (value.real, value.imag), complex),
    "range": Kind(lambda value: (value.start, value.stop, value.step), range),
    "bytes": Kind(lambda value: (bytes(value),), _made_bytes),
    "Decimal": Kind(lambda value: (str(value),), Decimal),
    "UUID": Kind(lambda value: (str(value),), uuid.UUID),
    "datetime": Kind(_take_datetime, _made_datetime),
    "date": Kind(lambda value: (value.isoformat(),), date.fromisoformat),
    "time": Kind(_take_time, _made_time),
    "timedelta": Kind(lambda value: (value.days, value.seconds, value.microseconds), timedelta),
    "timezone": Kind(lambda value: value.__getinitargs__(), _made_timezone),
    "zone": Kind(lambda value: (value.key,), zoneinfo.ZoneInfo),
    # Values of subclasses, and of other types with a converter, are stored as what they become.
    "converted": Kind(lambda value: (plainer(value),), lambda plain: plain),
}


def find_kind(name: str) -> Kind:
    """Return the kind of that name. Raises `KeyError` if there is none."""
    return KINDS.get(name) or registered_kind(name)


_by_type: dict[type, str] = {
    Union: "union",
    types.UnionType: "type union",
    types.GenericAlias: "generic",
    ByteArray: "array",
    EntityUid: "uid",
    Time: "Time",
    complex: "complex",
    range: "range",
    memoryview: "bytes",
    Decimal: "Decimal",
    uuid.UUID: "UUID",
    datetime: "datetime",
    date: "date",
    time: "time",
    timedelta: "timedelta",
    timezone: "timezone",
    zoneinfo.ZoneInfo: "zone",
}
