"""Converters: the forms in JSON and databases of values of other types.

A converter makes one step; the caller repeats it until it has a value that it supports. A pandas `Timestamp` becomes a
`datetime`, which a database can store, and in JSON then text. The converters of zefnb are in `values`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from zefnb.core.entity import Entity
from zefnb.errors import FieldError, InvalidValue, LateText, UnsupportedType, shown
from zefnb.text.tracebacks import error_text

Convert = Callable[[Any], Any]

_REMEMBERED_TYPES = 1024
_table: dict[type, Convert] = {}
# Converters of types whose modules may not have been imported yet, by `module.name`.
_named: dict[str, Convert] = {}
# The converters of types that are not in the table. Failures are not stored, since the table grows.
_found: dict[type, Convert] = {}
# Converters for kinds of types, in the order in which they are tried.
_kinds: list[tuple[Callable[[type], bool], Convert]] = []
# The types of JSON; values of their subclasses are never passed to a converter.
HAS_JSON = (str, int, float, list, tuple, dict)
# How to make a value of a subclass of them, or of bytes, one of the type itself.
_BASES: dict[type, Convert] = {
    str: str.__str__,
    int: int.__int__,
    float: float.__float__,
    **{cls: cls for cls in (list, tuple, dict, bytes, bytearray)},
}


def converter(*types: type) -> Callable[[Convert], Convert]:
    """Declare how to convert values of some types, and of their subclasses, for messages, HTTP responses and databases.

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
        if issubclass(cls, HAS_JSON):
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
        raise InvalidValue("value", [_failed(cls, error)], part=f"converter of {cls.__name__}") from error


def _failed(cls: type, error: Exception) -> FieldError:
    # Made when it is read, which is not on the loop: the `__str__` of the program's error may take time.
    return FieldError(
        "", LateText(lambda: f"{type(error).__name__} in the converter of {cls.__name__}: {error_text(error)}")
    )


def has_plainer(cls: type) -> bool:
    """Whether `plainer` converts values of this type."""
    return issubclass(cls, tuple(_BASES)) or converter_of(cls) is not None


def plainer(value: Any) -> Any:
    """Return the value of the base type for a subclass of text, numbers, containers or bytes, else `converted(value)`.

    >>> from collections import OrderedDict
    >>> plainer(OrderedDict(a=1))
    {'a': 1}
    """
    for base, make in _BASES.items():
        if isinstance(value, base):
            return make(value)
    return converted(value)


def unsupported(cls: type) -> UnsupportedType:
    """Return the error for a value of a type without a converter."""
    problem = f"a value of type {cls.__name__} has no form in JSON"
    hint = "Declare one with `@converter`, or send its parts"
    return UnsupportedType("value", [FieldError("", problem, hint=hint)], part=cls.__name__)


def _search(cls: type) -> Convert | None:
    for base in cls.__mro__:
        if base in _table:
            return _table[base]
    return next((function for fits, function in _kinds if fits(cls)), None)


def _load_named() -> None:
    """Add the types of modules that have been imported meanwhile."""
    for name in list(_named):
        module, _, attribute = name.rpartition(".")
        found = getattr(sys.modules.get(module), attribute, None)
        function = _named.get(name)
        if found is not None and function is not None:  # while a module is imported, it has only some of its names
            _table.setdefault(found if isinstance(found, type) else type(found), function)
            _named.pop(name, None)


def built_in(*types: type | str) -> Callable[[Convert], Convert]:
    """Declare a converter of zefnb. A type of a module that may not be imported is given as `module.name`.

    The converter of a type that the program has declared before stays.
    """

    def declare(function: Convert) -> Convert:
        for each in types:
            if isinstance(each, str):
                _named[each] = function
            else:
                _table.setdefault(each, function)
        return function

    return declare


def built_in_kind(fits: Callable[[type], bool]) -> Callable[[Convert], Convert]:
    """Declare a converter of zefnb for types without an own converter for which `fits` is true."""

    def declare(function: Convert) -> Convert:
        _kinds.append((fits, function))
        return function

    return declare
