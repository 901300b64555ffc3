"""Snapshots: copies of values that later changes of the original do not affect.

Published and stored values and the arguments of handlers are snapshots, so that no part of a program sees the changes
that another makes. Snapshots are made as by `copy.deepcopy`, with three differences: records are copied by their
fields, immutable values are not copied, and values that cannot be copied are shared.
"""

from __future__ import annotations

import contextlib
import functools
import io
import types
import weakref
from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any

from zefnb.core.copy_rules import (
    PLAIN,
    PLAIN_OR_HANDLE,
    is_container,
    is_handle,
    is_never_copied,
)
from zefnb.core.copying import WHOLE, Memo, copy_object, forget_since, keep_alive
from zefnb.core.record import Record, new_record, set_fields, set_uid
from zefnb.errors import FieldError, InvalidValue

_REMEMBERED_TYPES = 1024
# Shorter lists are copied sooner item by item.
_MANY_ROWS = 12
# Rows that loops in C copy at once. Other threads can run in between: these take some milliseconds.
_BLOCK = 4_096

_Copier = Callable[[Any, Memo], Any]
# Objects that could not be copied, so that copying is not tried again for every message.
_shared: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()


class _CannotBeCopied(Exception):
    """An object holds a value that is shared, so that the object is shared, too."""


def snapshot(value: Any) -> Any:
    """Return a copy of `value` at all levels; immutable values are not copied.

    It copies containers, entities that hold them, dataclasses, arrays, data frames and objects of any class that
    `copy.deepcopy` can copy; an object that occurs twice in `value` occurs twice in the copy. It shares functions,
    classes, modules, handles, and resources (locks, sockets, threads, queues, files, connections, widgets, objects
    with a `__del__`). An object that holds a resource in its attributes is shared, too, unless it is a dataclass. An
    object whose `__deepcopy__` returns `self` or raises is shared.

    Raises `RecursionError` for containers, dataclasses and attrs objects that are nested too deeply; see `too_deep`.

    >>> rows = [1, 2]
    >>> copy = snapshot({'rows': rows}); rows.append(3); copy
    {'rows': [1, 2]}
    """
    cls = type(value)
    if cls in PLAIN:
        return value
    if cls is not dict:
        return _list(value, {}) if cls is list else _copiers[cls](value, {})
    # The most frequent one, which holds only plain values, without further calls.
    made = value.copy()  # at once: another thread may change the value
    for key, item in made.items():
        if type(item) not in PLAIN or (type(key) is not str and type(key) not in PLAIN):
            _copy_items(made, {id(value): made})
            break
    return made


def too_deep(subject: str, field: str) -> InvalidValue:
    """Return the error for a value for which `snapshot` raised `RecursionError`."""
    return InvalidValue(
        subject, [FieldError(field, "it is nested too deeply", "a flatter value, not a chain of objects")]
    )


class _Copiers(dict[type, _Copier]):
    """The function that copies values of a type, which is found when the first of them is copied."""

    def __missing__(self, cls: type) -> _Copier:
        if len(self) >= _REMEMBERED_TYPES:
            self.clear()
        copier = self[cls] = _copier_of(cls)
        return copier


_copiers = _Copiers()


def _copied(value: Any, memo: Memo) -> Any:
    copier = _copiers[type(value)]
    if copier is _itself:
        return value
    return memo[id(value)] if id(value) in memo else copier(value, memo)


def _copier_of(cls: type) -> _Copier:
    if cls in _EXACT:
        return _EXACT[cls]
    if is_never_copied(cls):
        return _itself
    if issubclass(cls, Record):
        return _record
    if issubclass(cls, tuple) and hasattr(cls, "_make") and not cls.__dictoffset__:
        return _named_tuple
    if hasattr(cls, "__deepcopy__"):
        return _object
    if is_handle(cls):
        return _handle
    return _container if is_container(cls) else _object


def _itself(value: Any, memo: Memo) -> Any:
    return value


def _handle(value: Any, memo: Memo) -> Any:
    if WHOLE in memo:
        raise _CannotBeCopied
    return value


def _object(value: Any, memo: Memo) -> Any:
    """Copy an object of any class with all of its attributes, or share it."""
    if WHOLE in memo:
        return copy_object(value, memo, _copied)
    if _shared.get(id(value)) is value:
        return value
    memo[WHOLE] = True
    try:
        return _copied_or_shared(value, memo)
    finally:
        memo.pop(WHOLE, None)


def _container(value: Any, memo: Memo) -> Any:
    """Copy an object that only holds others; the objects in it may be shared."""
    return copy_object(value, memo, _copied) if WHOLE in memo else _copied_or_shared(value, memo)


def _copied_or_shared(value: Any, memo: Memo) -> Any:
    size = len(memo)
    try:
        return copy_object(value, memo, _copied)
    except Exception as error:  # any exception means that it cannot be copied
        if isinstance(error, RecursionError) and WHOLE not in memo:
            raise  # otherwise the inner containers would be shared from the depth limit on
        forget_since(size, memo)
        memo[id(value)] = value
        with contextlib.suppress(TypeError):
            _shared[id(value)] = value
        return value


# Messages consist of dicts and lists. The next functions do for each item what `_copied` does, without the call: they
# take two thirds of the time.


def _dict(value: dict[Any, Any], memo: Memo) -> Any:
    made = memo[id(value)] = value.copy()
    _copy_items(made, memo)
    return made


def _copy_items(made: dict[Any, Any], memo: Memo) -> None:
    """Replace the keys and items of a new dict by copies."""
    keys_stay = True
    for key, item in made.items():
        if type(item) not in PLAIN:
            if (at := id(item)) in memo:
                made[key] = memo[at]
            elif (cls := type(item)) is dict:
                copy = made[key] = memo[at] = item.copy()
                _copy_items(copy, memo)
            else:
                made[key] = _list(item, memo) if cls is list else _copiers[cls](item, memo)
        if type(key) is not str and type(key) not in PLAIN:
            keys_stay = False
    if not keys_stay:
        pairs = [(_copied(key, memo), item) for key, item in made.items()]
        made.clear()
        made.update(pairs)


def _list(value: list[Any], memo: Memo) -> Any:
    made = memo[id(value)] = value.copy()
    start = 0
    if len(made) >= _MANY_ROWS:
        if PLAIN.issuperset(map(type, made)):
            return made
        start = _copy_rows(made, memo)
    for at in range(start, len(made)):
        item = made[at]
        if type(item) not in PLAIN:
            if (number := id(item)) in memo:
                made[at] = memo[number]
            elif (cls := type(item)) is dict:
                copy = made[at] = memo[number] = item.copy()
                _copy_items(copy, memo)
            else:
                made[at] = _list(item, memo) if cls is list else _copiers[cls](item, memo)
    return made


def _copy_rows(rows: list[Any], memo: Memo) -> int:
    """Replace items by copies, block by block, while `_copies_of_rows` can. Returns the number of replaced items."""
    for start in range(0, len(rows), _BLOCK):
        end = start + _BLOCK
        copies = _copies_of_rows(rows[start:end], memo)
        if copies is None:
            return start
        rows[start:end] = copies
    return len(rows)


def _copies_of_rows(rows: list[Any], memo: Memo) -> list[Any] | None:
    """Return copies of rows that are all dicts, or all lists, and hold only text and numbers; otherwise `None`.

    All loops are in C: 100 rows take 0.4 of the time that they take one by one.
    """
    kinds = set(map(type, rows))
    if kinds == {dict}:
        items = chain.from_iterable(map(dict.values, rows))
        copies: Any = map(dict.copy, rows)
        is_flat = PLAIN.issuperset(map(type, items)) and PLAIN.issuperset(map(type, frozenset().union(*rows)))
    else:
        copies = map(list.copy, rows)
        is_flat = kinds == {list} and PLAIN.issuperset(map(type, chain.from_iterable(rows)))
    if not is_flat:
        return None
    made = dict(zip(map(id, rows), copies, strict=True))
    # A row that occurs twice is still one object in the copy.
    if len(made) != len(rows) or not memo.keys().isdisjoint(made.keys()):
        return None
    memo.update(made)
    return list(made.values())


def _set(value: set[Any], memo: Memo) -> Any:
    made = memo[id(value)] = value.copy()
    if not PLAIN.issuperset(map(type, made)):
        items = [_copied(item, memo) for item in made]
        made.clear()
        made.update(items)
    return made


def _tuple(value: Any, memo: Memo) -> Any:
    """Copy a tuple or a frozenset, or return it if none of its items had to be copied."""
    if PLAIN.issuperset(map(type, value)):
        return value
    items = [_copied(item, memo) for item in value]
    if all(map(_is_same, items, value)):
        return value
    # An item may contain the tuple itself, which has then been copied already.
    return memo.setdefault(id(value), type(value)(items))


def _named_tuple(value: Any, memo: Memo) -> Any:
    items = [_copied(item, memo) for item in value]
    return value if all(map(_is_same, items, value)) else memo.setdefault(id(value), type(value)._make(items))


def _record(value: Record, memo: Memo) -> Any:
    fields, changed = value.__dict__, None
    for name, field in fields.items():
        if (cls := type(field)) in PLAIN_OR_HANDLE:
            continue
        if (at := id(field)) in memo:
            copy = memo[at]
        else:
            copy = _list(field, memo) if cls is list else _copiers[cls](field, memo)
        if copy is not field:
            if changed is None:
                changed = fields.copy()
            changed[name] = copy
    if changed is None:
        return value
    made = new_record(type(value))
    set_uid(made, value._uid)
    set_fields(made, changed)
    # A field may contain the record itself, which has then been copied already.
    return memo.setdefault(id(value), made)


def _is_same(one: Any, other: Any) -> bool:
    return one is other


def _bytearray(value: bytearray, memo: Memo) -> Any:
    made = memo[id(value)] = value.copy()
    return made


def _memoryview(value: memoryview, memo: Memo) -> Any:
    if value.readonly and isinstance(value.obj, bytes):
        return value
    made = memoryview(value.tobytes() if value.readonly else bytearray(value.tobytes()))
    if value.format != "B" or value.ndim != 1:
        made = made.cast(value.format, value.shape)  # type: ignore[call-overload]
    memo[id(value)] = made
    return made


def _mapping_proxy(value: types.MappingProxyType[Any, Any], memo: Memo) -> Any:
    made = memo[id(value)] = types.MappingProxyType(_copied_items(value, memo))
    return made


def _copied_items(items: Mapping[Any, Any], memo: Memo) -> Any:
    plain = dict(items)
    keep_alive(plain, memo)
    return _copied(plain, memo)


def _view(value: Any, memo: Memo) -> Any:
    """Return a view of the same kind on a copy of the dict."""
    made = memo[id(value)] = _VIEWS[type(value)](_copied_items(value.mapping, memo))
    return made


_VIEWS: dict[type, Callable[[dict[Any, Any]], Any]] = {
    type({}.keys()): dict.keys,
    type({}.values()): dict.values,
    type({}.items()): dict.items,
}


def _method(value: types.MethodType, memo: Memo) -> Any:
    return types.MethodType(value.__func__, _copied(value.__self__, memo))


_EXACT: dict[type, _Copier] = {
    dict: _dict,
    list: _list,
    set: _set,
    tuple: _tuple,
    frozenset: _tuple,
    bytearray: _bytearray,
    memoryview: _memoryview,
    types.MappingProxyType: _mapping_proxy,
    types.MethodType: _method,
    **dict.fromkeys(_VIEWS, _view),
    # Other files and functions are shared, but these are containers.
    io.StringIO: _container,
    io.BytesIO: _container,
    functools.partial: _container,
}
