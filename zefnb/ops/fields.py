"""Ops for parts of values: the fields of records, the keys of dicts, and paths to both."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from zefnb.core.effect import DEFAULT_REGISTRY, Effect
from zefnb.core.op import Op, Step, collect, op
from zefnb.core.record import Record, replaced
from zefnb.errors import FieldError, Hint, InvalidValue, UnknownKey, UnknownName, shown
from zefnb.text.short_repr import short_repr

__all__ = ["F", "collect", "get", "insert", "insert_into"]

_NO_DEFAULT: Any = object()
_MOST_KEYS_NAMED = 20


def _path(subject: str, field: str, key: Any) -> list[Any]:
    path = key if isinstance(key, list) else [key]
    if not path:
        raise InvalidValue(subject, [FieldError(field, "the path is empty", "a key, or a list of keys")])
    return path


def _item(holder: Any, key: Any, subject: str) -> Any:
    """Return a field, a key or an index of `holder`. An error names the existing ones."""
    if isinstance(holder, Effect) or (isinstance(holder, Record) and not hasattr(type(holder), "__getitem__")):
        if isinstance(key, str):
            return holder.__dict__[key] if key in holder.__dict__ else holder.__getattr__(key)
        raise InvalidValue(subject, [FieldError("key", f"got {shown(key)}", f"a field of {type(holder)!r}, as text")])
    try:
        return holder[key]
    except KeyError:
        names = list(map(short_repr, itertools.islice(holder, _MOST_KEYS_NAMED + 1)))
        listed = ", ".join(names[:_MOST_KEYS_NAMED]) or "there are none"
        more = ", …" if len(names) > _MOST_KEYS_NAMED else ""
        raise UnknownKey(f"{subject}: no key {short_repr(key)}; keys: {listed}{more}") from None
    except IndexError:
        raise UnknownKey(f"{subject}: no item {key}; there are {len(holder)}") from None
    except TypeError:
        allowed = "a key, an index or a field that the value can have"
        raise InvalidValue(subject, [FieldError("key", f"got {shown(key)} for {shown(holder)}", allowed)]) from None


@op(inline=True, curried=True)
def get(key: Any, default: Any = _NO_DEFAULT) -> Callable[[Any], Any]:
    """Return the value of a key, an index or a field.

    Args:
        key: A key of a dict, an index of a list, or the name of a field; a list of these is a path.
        default: The result if there is no such value. Default: an error.

    Returns:
        The value.

    Raises:
        UnknownKey: A dict or list has no such key or index; the error lists the keys.
        MissingField: An entity has no such field.
        InvalidValue: The value has neither keys, indices nor fields, or the path is empty.

    >>> {'a': [1, 2]} | get('a') | collect, {'a': [1, 2]} | get(['a', 1]) | collect, {} | get('b', 0) | collect
    ([1, 2], 2, 0)
    """
    path = _path("get", "key", key)

    def got(value: Any) -> Any:
        try:
            for step in path:
                value = _item(value, step, "get")
        except (UnknownKey, AttributeError):
            if default is _NO_DEFAULT:
                raise
            return default
        return value

    return got


def _changed(holder: Any, path: list[Any], value: Any, subject: str) -> Any:
    key, rest = path[0], path[1:]
    if rest:
        below = {} if isinstance(holder, dict) and key not in holder else _item(holder, key, subject)
        value = _changed(below, rest, value, subject)
    if isinstance(holder, dict):
        return {**holder, key: value}
    if isinstance(holder, Record) and isinstance(key, str):
        return replaced(holder, **{key: value})
    if isinstance(holder, list) and isinstance(key, int):
        _item(holder, key, subject)
        copied = list(holder)
        copied[key] = value
        return copied
    problem = f"got {shown(key)} for {shown(holder)}"
    raise InvalidValue(subject, [FieldError("key", problem, "a key of a dict, a field, or an index of a list")])


@op(inline=True)
def insert(holder: Any, key: Any, value: Any) -> Any:
    """Return a copy of a dict, entity, effect or list with `value` under `key`.

    Args:
        holder: The dict, entity, effect or list.
        key: A key or field, new or not, or an existing index of a list; a list of these is a path. Missing dicts on the
            path are made.
        value: The value.

    Returns:
        The copy.

    Raises:
        UnknownKey: A list has no such index.
        InvalidValue: The holder cannot have such a key, or the path is empty.

    >>> {'a': 1} | insert('b', 2) | collect, {} | insert(['x', 'y'], 1) | collect
    ({'a': 1, 'b': 2}, {'x': {'y': 1}})
    """
    return _changed(holder, _path("insert", "key", key), value, "insert")


@op(inline=True, curried=True)
def insert_into(template: Any, field: Any) -> Callable[[Any], Any]:
    """Return a copy of `template` with the value in `field`.

    Args:
        template: An effect, entity, dict or list.
        field: The name of a field or key; a list of these is a path.

    Returns:
        The copy.

    Raises:
        InvalidValue: The template has no such field, or is of another type.

    >>> 'Ada' | insert_into({'greeting': 'hello'}, 'name') | collect
    {'greeting': 'hello', 'name': 'Ada'}
    """
    path = _path("insert_into", "field", field)
    if not isinstance(template, Record | dict | list):
        raise InvalidValue(
            "insert_into", [FieldError("template", f"got {shown(template)}", "an effect, entity or dict")]
        )
    if isinstance(template, Effect):
        known = DEFAULT_REGISTRY.spec(type(template).__name__).fields
        if path[0] not in known:
            problem = f"{type(template)!r} has no field {short_repr(path[0])}"
            hint = Hint(path[0], known)
            raise InvalidValue("insert_into", [FieldError("field", problem, ", ".join(known) or "none", hint)])
    if isinstance(template, Record) and len(path) == 1 and isinstance(field, str):
        return lambda value: replaced(template, **{field: value})
    return lambda value: _changed(template, path, value, "insert_into")


class _Reader:
    """The function of `F.name`; instances with equal names are equal, so that chains can be compared."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Reader) and self.name == other.name

    def __hash__(self) -> int:
        return hash((_Reader, self.name))

    def __repr__(self) -> str:
        return f"_Reader(name={self.name!r})"

    def __call__(self, value: Any) -> Any:
        if isinstance(value, dict):
            return _item(value, self.name, f"F.{self.name}")
        return getattr(value, self.name)


class Fields:
    """Ops that return a field of an entity or effect, or the value of a key of a dict: `F.name`.

    Returns:
        The value of the field or key.

    Raises:
        UnknownKey: A dict has no such key.
        MissingField: An entity or effect has no such field.
        UnknownName: The name begins with an underscore.

    >>> {'name': 'Ada'} | F.name | collect
    'Ada'
    """

    __slots__ = ()

    def __getattr__(self, name: str) -> Op:
        if name.startswith("_"):
            raise UnknownName(f"F.{name}", "names that begin with an underscore are refused")
        return Op((Step(_Reader(name), (), {}, True, f"F.{name}"),))

    def __repr__(self) -> str:
        return "F"

    def __reduce__(self) -> str:
        return "F"


F = Fields()
