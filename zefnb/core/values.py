"""The table of converters, for values of types that JSON and databases do not have.

A converter makes one step; the caller repeats it until it has a value that it supports. A pandas `Timestamp` becomes a
`datetime`, which a database can store, and in JSON then text. No library is imported for its types: a value of such a
type exists only if the program has imported the library.
"""

from __future__ import annotations

import collections.abc
import sys
from collections.abc import Callable
from typing import Any

from zefnb.core.entity import Entity
from zefnb.core.time import Time
from zefnb.errors import FieldError, InvalidValue, UnsupportedType, shown

Convert = Callable[[Any], Any]

_REMEMBERED_TYPES = 1024
_table: dict[type, Convert] = {}
# Converters of types whose modules may not have been imported yet, by `module.name`.
_named: dict[str, Convert] = {}
# The converters of types that are not in the table. Failures are not stored, since the table grows.
_found: dict[type, Convert] = {}
# The types of JSON; values of their subclasses are never passed to a converter.
_HAS_JSON = (str, int, float, list, tuple, dict)


def converter(*types: type) -> Callable[[Convert], Convert]:
    """Declare how to convert values of some types, and of their subclasses, for messages, HTTP answers and databases.

    The function takes a value. It returns plain data, or a value of a type that has a converter itself. A later
    declaration for the same type replaces an earlier one.

    Args:
        types: The types; not text, numbers, lists, tuples or dicts, which have a form in JSON already.

    Returns:
        A decorator, which returns the function unchanged.

    Raises:
        InvalidValue: An argument is not a type, or has a form in JSON already.

    >>> class Share:
    ...     def __init__(self, part, whole):
    ...         self.part, self.whole = part, whole
    >>> @converter(Share)
    ... def share_as_text(share):
    ...     return f'{share.part}/{share.whole}'
    >>> from zefnb.core.wire import to_json_text
    >>> to_json_text({'rent': Share(1, 3)})
    '{"rent": "1/3"}'
    """
    for cls in types:
        if not isinstance(cls, type):
            raise InvalidValue("converter", [FieldError("types", f"got {shown(cls)}", "types")])
        if issubclass(cls, _HAS_JSON):
            problem = f"{cls.__name__} has a form in JSON already, so that the converter would not be called"
            raise InvalidValue("converter", [FieldError("types", problem)])

    def declare(function: Convert) -> Convert:
        for cls in types:
            _table[cls] = function
        _found.clear()
        return function

    return declare


def converter_of(cls: type) -> Convert | None:
    """Return the converter of a type or of its closest base class, or `None`."""
    function = _table.get(cls) or _found.get(cls)
    if function is not None:
        return function
    if issubclass(cls, Entity):  # not remembered, so that a type can be freed
        return _table[Entity]
    _load_named()
    function = _search(cls)
    if function is not None:
        if len(_found) >= _REMEMBERED_TYPES:
            _found.clear()
        _found[cls] = function
    return function


def converted(value: Any) -> Any:
    """Return the result of one step: of the converter for the type of `value`.

    Raises `UnsupportedType` if there is none, and `InvalidValue` if it fails.
    """
    cls = type(value)
    function = _table.get(cls) or converter_of(cls)
    if function is None:
        raise unsupported(cls)
    try:
        return function(value)
    except (InvalidValue, RecursionError):
        raise
    except Exception as error:
        problem = f"{type(error).__name__} in the converter of {cls.__name__}: {error}"
        raise InvalidValue("value", [FieldError("", problem)], part=f"converter of {cls.__name__}") from error


def unsupported(cls: type) -> UnsupportedType:
    """Return the error for a value of a type without a converter."""
    problem = f"a value of type {cls.__name__} has no form in JSON"
    hint = "Declare one with `@converter`, or send its parts"
    return UnsupportedType("value", [FieldError("", problem, hint=hint)], part=cls.__name__)


def _search(cls: type) -> Convert | None:
    for base in cls.__mro__:
        if base in _table:
            return _table[base]
    if hasattr(cls, "__dataclass_fields__"):
        return _dataclass
    if hasattr(cls, "__attrs_attrs__"):
        return _attrs_class
    if not issubclass(cls, _HAS_JSON):
        for abstract, function in _ABSTRACT:
            if issubclass(cls, abstract):
                return function
    return None


def _load_named() -> None:
    """Add the types of modules that have been imported meanwhile."""
    for name in list(_named):
        module, _, attribute = name.rpartition(".")
        found = getattr(sys.modules.get(module), attribute, None)
        function = _named.get(name)
        if found is not None and function is not None:  # while a module is imported, it has only some of its names
            _table.setdefault(found if isinstance(found, type) else type(found), function)
            _named.pop(name, None)


def _declare(*names: str) -> Callable[[Convert], Convert]:
    def declare(function: Convert) -> Convert:
        _named.update(dict.fromkeys(names, function))
        return function

    return declare


# Python's own types


@converter(Entity)
def _entity(value: Entity) -> dict[str, Any]:
    if value._uid is None:
        return {"type": type(value).__name__, **value.__dict__}
    return {"type": type(value).__name__, "uid": value._uid, **value.__dict__}


@converter(Time)
@_declare("uuid.UUID", "decimal.Decimal", "pathlib.PurePath", "collections.UserString")
def _text(value: Any) -> str:
    return str(value)


@_declare("datetime.datetime", "datetime.date", "datetime.time")
def _iso(value: Any) -> str:
    return str(value.isoformat())


@_declare("datetime.timedelta")
def _duration(value: Any) -> str:
    """Return the ISO 8601 text (section 5.5.2) in days, hours, minutes and seconds.

    >>> from datetime import timedelta
    >>> _duration(timedelta(days=1, minutes=90, seconds=1.5)), _duration(-timedelta(hours=1)), _duration(timedelta())
    ('P1DT1H30M1.5S', '-PT1H', 'PT0S')
    """
    sign, whole = ("-", -value) if value.days < 0 else ("", value)
    minutes, seconds = divmod(whole.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f".{whole.microseconds:06d}".rstrip("0") if whole.microseconds else ""
    days = f"{whole.days}D" if whole.days else ""
    parts = {"H": hours, "M": minutes, "S": f"{seconds}{fraction}" if seconds or fraction else 0}
    time = "".join(f"{number}{unit}" for unit, number in parts.items() if number)
    return f"{sign}P{days}{'T' if time else ''}{time}" if days or time else "PT0S"


@_declare("enum.Enum")
def _enum(value: Any) -> Any:
    return value.value


@converter(set, frozenset, range)
@_declare("collections.deque")
def _list(value: Any) -> list[Any]:
    return list(value)


@_declare("array.array")
def _array(value: Any) -> Any:
    return value.tolist()


def _dict(value: Any) -> dict[Any, Any]:
    return dict(value)


@converter(bytes, bytearray, memoryview)
def _bytes(value: Any) -> Any:
    hint = "Send bytes by themselves, as a binary message, or decode them"
    fault = FieldError("value", f"got {shown(value)}", "types of JSON, which has no bytes", hint)
    raise InvalidValue("JSON", [fault], part="bytes")


def _dataclass(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in _declared_fields(value)}


def _declared_fields(value: Any) -> list[str]:
    import dataclasses

    return [field.name for field in dataclasses.fields(value)]


def _attrs_class(value: Any) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in type(value).__attrs_attrs__}


_ABSTRACT: tuple[tuple[type, Convert], ...] = (
    (collections.abc.Mapping, _dict),
    (collections.abc.Set, _list),
    (collections.abc.ValuesView, _list),
    (collections.abc.Sequence, _list),
)


# Other libraries


@_declare("pydantic.BaseModel")
def _model(value: Any) -> Any:
    return value.model_dump(mode="json")


@_declare("numpy.ndarray")
def _numpy_array(value: Any) -> Any:
    if value.dtype.names:  # rows with named fields
        return list(value) if value.ndim else value[()]
    return _to_microseconds(value).tolist()


@_declare("numpy.generic")
def _numpy_scalar(value: Any) -> Any:
    if value.dtype.names:
        return dict(zip(value.dtype.names, value.item(), strict=True))
    plain = _to_microseconds(value).item()
    # Python has no type for a long double.
    return float(plain) if type(plain) is type(value) else plain


def _to_microseconds(value: Any) -> Any:
    """Return times with at most microseconds, as Python's types have: numpy converts finer ones to numbers."""
    is_finer = value.dtype.kind in "mM" and sys.modules["numpy"].datetime_data(value.dtype)[0] in _FINER_UNITS
    return value.astype(f"{value.dtype.kind}8[us]") if is_finer else value


_FINER_UNITS = ("ns", "ps", "fs", "as")


@_declare("pandas.NaT", "pandas.NA")
def _missing(value: Any) -> None:
    return None


@_declare("pandas.Timestamp")
def _timestamp(value: Any) -> Any:
    return value.to_pydatetime(warn=False)


@_declare("pandas.Timedelta")
def _timedelta(value: Any) -> Any:
    return value.to_pytimedelta()


@_declare("pandas.Period", "pandas.Interval")
def _pandas_text(value: Any) -> str:
    return str(value)


@_declare("pandas.Series", "pandas.Index", "pandas.api.extensions.ExtensionArray")
def _column(value: Any) -> Any:
    return value.tolist()


@_declare("pandas.DataFrame")
def _frame(value: Any) -> Any:
    if not value.columns.is_unique:
        twice = value.columns[value.columns.duplicated()][0]
        fault = FieldError("columns", f"there are several columns {shown(twice)}", "names that differ")
        raise InvalidValue("DataFrame", [fault], part="columns of one name")
    return value.to_dict("records")


@_declare("polars.DataFrame")
def _polars_frame(value: Any) -> Any:
    return value.to_dicts()


@_declare("polars.Series")
def _polars_column(value: Any) -> Any:
    return value.to_list()


# Values with a certain form in JSON


def is_certain(value: Any) -> bool:
    """Whether a value has a form in JSON by its type and the types of its elements."""
    function = converter_of(type(value))
    check = _CERTAIN.get(function) if function is not None else None
    return check is not None and check(value)


def _has_certain_elements(value: Any) -> bool:
    return _is_certain_type(value.dtype)


def _has_certain_columns(frame: Any) -> bool:
    columns = frame.columns
    return columns.is_unique and all(type(name) is str for name in columns) and all(map(_is_certain_type, frame.dtypes))


def _is_certain_type(dtype: Any) -> bool:
    """Bools, numbers, times and text of numpy and pandas."""
    return dtype.kind in ("b", "i", "u", "f", "M", "m", "U") or dtype.name in ("str", "string")


_CERTAIN: dict[Convert, Callable[[Any], bool]] = {
    _iso: lambda value: True,
    _duration: lambda value: True,
    _numpy_array: _has_certain_elements,
    _numpy_scalar: _has_certain_elements,
    _column: _has_certain_elements,
    _frame: _has_certain_columns,
}
