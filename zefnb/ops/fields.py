"""Ops for what is inside: the fields of records, the keys of dicts, the paths to both."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
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
    """One step of a path: a field, a key or an index, with an error that names what there is."""
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
    """The value under `key`: of a dict, at an index, in a field; a list of keys is a path.

    What is not there is `default`, or without one an error that names what there is: `UnknownKey`, or
    `MissingField` for an entity.

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
    """A copy of the dict, entity or effect with `value` under `key`, new or not; in a list it replaces that item.

    A list of keys is a path; dicts that are missing on the way are made.

    >>> {'a': 1} | insert('b', 2) | collect, {} | insert(['x', 'y'], 1) | collect
    ({'a': 1, 'b': 2}, {'x': {'y': 1}})
    """
    return _changed(holder, _path("insert", "key", key), value, "insert")


@op(inline=True, curried=True)
def insert_into(template: Any, field: Any) -> Callable[[Any], Any]:
    """A copy of `template`, an effect, entity or dict, with the value in `field`; a list of keys is a path.

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


@dataclass(frozen=True, slots=True)
class _Reader:
    """What `F.name` does; equal for equal names, so that chains compare."""

    name: str

    def __call__(self, value: Any) -> Any:
        if isinstance(value, dict):
            return _item(value, self.name, f"F.{self.name}")
        return getattr(value, self.name)


class Fields:
    """The ops that read a field: of an entity or effect, or the key of a dict.

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
