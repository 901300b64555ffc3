"""The converters of zefnb, for types of Python and of other libraries; `docs/values.md` lists them.

No library is imported for its types: a value of such a type exists only if the program has imported the library. This
module is loaded with the first value that needs a converter.
"""

from __future__ import annotations

import collections.abc
import sys
from typing import Any

from zefnb.core.converters import HAS_JSON, built_in, built_in_kind
from zefnb.core.converters import converted as converted
from zefnb.core.converters import converter_of as converter_of
from zefnb.core.converters import has_plainer as has_plainer
from zefnb.core.converters import plainer as plainer
from zefnb.core.entity import ET, Entity
from zefnb.core.record import secrets_of
from zefnb.core.time import Time
from zefnb.errors import FieldError, InvalidValue, UnsupportedType, shown

# Python's own types


# Messages about a client, the fields of them that other clients do not get, and the fields of its user that they do.
_ABOUT_CLIENTS = frozenset({ET.Sent, ET.ClientJoined, ET.ClientLeft})
_PRIVATE = frozenset({"client_ip", "query_params", "path_params", "origin", "http_server", "reason"})
_PUBLIC = ("id", "name", "provider")


@built_in(Entity)
def _entity(value: Entity) -> dict[str, Any]:
    if secrets_of(value):
        raise UnsupportedType(repr(type(value)), "it has a secret, which is not sent; send only the other fields")
    if value._uid is None:
        fields = value.__dict__
        if type(value) in _ABOUT_CLIENTS:
            fields = {name: field for name, field in fields.items() if name not in _PRIVATE}
            if isinstance(user := fields.get("user"), dict):
                fields["user"] = {name: user[name] for name in _PUBLIC if name in user}
        return {"type": type(value).__name__, **fields}
    return {"type": type(value).__name__, "uid": value._uid, **value.__dict__}


@built_in(Time, "uuid.UUID", "decimal.Decimal", "pathlib.PurePath", "collections.UserString")
@built_in(*[f"ipaddress.IPv{number}{kind}" for number in (4, 6) for kind in ("Address", "Network")])
def _text(value: Any) -> str:
    return str(value)


@built_in("datetime.datetime", "datetime.date", "datetime.time")
def _iso(value: Any) -> str:
    return str(value.isoformat())


@built_in("datetime.timedelta")
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


@built_in("enum.Enum")
def _enum(value: Any) -> Any:
    return value.value


@built_in(set, frozenset, range, "collections.deque")
def _list(value: Any) -> list[Any]:
    return list(value)


@built_in("array.array")
def _array(value: Any) -> Any:
    return value.tolist()


@built_in(bytes, bytearray, memoryview)
def _bytes(value: Any) -> Any:
    hint = "Send bytes by themselves, as a binary message, or decode them"
    fault = FieldError("value", f"got {shown(value)}", "types of JSON, which has no bytes", hint)
    raise InvalidValue("JSON", [fault], part="bytes")


@built_in_kind(lambda cls: hasattr(cls, "__dataclass_fields__"))
def _dataclass(value: Any) -> dict[str, Any]:
    import dataclasses

    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


@built_in_kind(lambda cls: hasattr(cls, "__attrs_attrs__"))
def _attrs_class(value: Any) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in type(value).__attrs_attrs__}


@built_in_kind(lambda cls: issubclass(cls, collections.abc.Mapping) and not issubclass(cls, HAS_JSON))
def _mapping(value: Any) -> dict[Any, Any]:
    return dict(value)


_LISTED = (collections.abc.Set, collections.abc.ValuesView, collections.abc.Sequence)


@built_in_kind(lambda cls: issubclass(cls, _LISTED) and not issubclass(cls, HAS_JSON))
def _collection(value: Any) -> list[Any]:
    return list(value)


# Other libraries


@built_in("pydantic.BaseModel")
def _model(value: Any) -> Any:
    try:
        return value.model_dump(mode="json")
    except Exception:  # a type that pydantic does not have, such as an array
        return value.model_dump()


@built_in("pydantic.AnyUrl")
def _url(value: Any) -> str:
    return str(value)


@built_in("pydantic.SecretStr", "pydantic.SecretBytes")
def _hidden(value: Any) -> str:
    return "**********"  # as in the JSON of a model


@built_in("numpy.ndarray")
def _numpy_array(value: Any) -> Any:
    if value.dtype.names:  # rows with named fields
        return list(value) if value.ndim else {name: value[name] for name in value.dtype.names}
    return _times(value) if value.dtype.kind in "mM" else value.tolist()


@built_in("numpy.generic")
def _numpy_scalar(value: Any) -> Any:
    if value.dtype.names:
        return {name: value[name] for name in value.dtype.names}
    if value.dtype.kind in "mM":
        return _times(sys.modules["numpy"].asarray(value))
    plain = value.item()
    # Python has no type for a long double.
    return float(plain) if type(plain) is type(value) else plain


def _times(array: Any) -> Any:
    """Return the times or durations of Python, and ISO 8601 text for those that Python's types do not have."""
    array = _to_microseconds(array)
    plain = array.astype(object)
    for index, each in enumerate(plain.flat):
        if type(each) is int:  # numpy's result for what Python does not have, such as the year 20000
            plain.flat[index] = _time_text(array.flat[index], each)
    return plain.tolist()


def _time_text(value: Any, count: int) -> Any:
    if value.dtype.kind == "M":
        return str(value)
    unit, size = sys.modules["numpy"].datetime_data(value.dtype)
    designator = _DESIGNATORS.get(unit)
    if designator is None:
        return count  # a duration without a unit
    start, letter = designator
    return f"{'-' if count < 0 else ''}{start}{abs(count) * size}{letter}"


_DESIGNATORS = {"Y": ("P", "Y"), "M": ("P", "M"), "W": ("P", "W"), "D": ("P", "D")}
_DESIGNATORS |= {"h": ("PT", "H"), "m": ("PT", "M"), "s": ("PT", "S")}


def _to_microseconds(value: Any) -> Any:
    """Return times with at most microseconds, as Python's types have: numpy converts finer ones to numbers."""
    is_finer = sys.modules["numpy"].datetime_data(value.dtype)[0] in _FINER_UNITS
    return value.astype(f"{value.dtype.kind}8[us]") if is_finer else value


_FINER_UNITS = ("ns", "ps", "fs", "as")


@built_in("pandas.NaT", "pandas.NA")
def _missing(value: Any) -> None:
    return None


@built_in("pandas.Timestamp")
def _timestamp(value: Any) -> Any:
    return value.to_pydatetime(warn=False) if 1 <= value.year <= 9999 else value.isoformat()


@built_in("pandas.Timedelta")
def _timedelta(value: Any) -> Any:
    try:
        return value.to_pytimedelta()
    except OverflowError:  # longer than Python's durations
        return value.isoformat()


@built_in("pandas.Period", "pandas.Interval")
def _pandas_text(value: Any) -> str:
    return str(value)


@built_in("pandas.Series", "pandas.Index", "pandas.api.extensions.ExtensionArray")
def _column(value: Any) -> Any:
    return value.tolist()


@built_in("pandas.DataFrame")
def _frame(value: Any) -> Any:
    if not value.columns.is_unique:
        twice = value.columns[value.columns.duplicated()][0]
        fault = FieldError("columns", f"there are several columns {shown(twice)}", "names that differ")
        raise InvalidValue("DataFrame", [fault], part="columns of one name")
    return value.to_dict("records")


@built_in("polars.DataFrame")
def _polars_frame(value: Any) -> Any:
    return value.to_dicts()


@built_in("polars.Series")
def _polars_column(value: Any) -> Any:
    return value.to_list()
