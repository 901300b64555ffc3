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
    TEXTUAL,
    TEXTUAL_OR_HANDLE,
    is_container,
    is_handle,
    is_never_copied,
)
from zefnb.core.copying import Memo, copy_object
from zefnb.core.record import Record, assemble
from zefnb.errors import FieldError, InvalidValue

_REMEMBERED_TYPES = 1024
# Shorter lists are copied sooner item by item.
_MANY_ROWS = 12

_Copier = Callable[[Any, Memo], Any]
_copiers: dict[type, _Copier] = {}
# Objects that could not be copied, so that copying is not tried again for every message.
_shared: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()


class _CannotBeCopied(Exception):
    """An object holds a value that is shared, so that the object is shared, too."""


def snapshot(value: Any) -> Any:
    """Return a copy of `value` at all levels; immutable values are not copied.

    Copied are containers, entities that hold them, dataclasses, arrays, data frames and objects of any class that
    `copy.deepcopy` can copy; an object that occurs twice in `value` occurs twice in the copy. Shared are functions,
    classes, modules, handles, and resources (locks, sockets, threads, queues, files, connections, widgets, objects
    with a `__del__`). An object that holds a resource in its attributes is shared, too, unless it is a dataclass. An
    object whose `__deepcopy__` returns `self` or raises is shared.

    Raises `RecursionError` for containers, dataclasses and attrs objects that are nested too deeply; see `too_deep`.

    >>> rows = [1, 2]
    >>> copy = snapshot({'rows': rows}); rows.append(3); copy
    {'rows': [1, 2]}
    """
    if type(value) in PLAIN:
        return value
    made = flat_copy(value, PLAIN, PLAIN_OR_HANDLE)
    return made if made is not None else _copied(value, Memo())


def nested_snapshot(value: Any) -> tuple[Any, bool]:
    """Return a snapshot of a value that `flat_copy` does not copy, and whether it holds something not in JSON.

    The second is false for text, numbers, bools, None, times, and lists, tuples, dicts and entities of these.
    """
    memo = Memo()
    return _copied(value, memo), memo.is_foreign


def flat_copy(value: Any, plain: frozenset[object] = TEXTUAL, still: frozenset[object] = TEXTUAL_OR_HANDLE) -> Any:
    """Return a snapshot of a container that holds only values of these types, or `None`."""
    cls = type(value)
    if cls is dict:
        for key, item in value.items():
            if type(item) not in plain or type(key) not in plain:
                return None
        return value.copy()
    if cls is list:
        return value.copy() if plain.issuperset(map(type, value)) else None
    if isinstance(value, Record):
        for field in value.__dict__.values():
            if type(field) not in still:
                return None
        return value
    return None


def too_deep(subject: str, field: str) -> InvalidValue:
    """Return the error for a value for which `snapshot` raised `RecursionError`."""
    return InvalidValue(
        subject, [FieldError(field, "it is nested too deeply", "a flatter value, not a chain of objects")]
    )


def _copied(value: Any, memo: Memo) -> Any:
    cls = type(value)
    copier = _copiers.get(cls) or _remember(cls)
    if copier is _itself:
        if cls not in TEXTUAL:
            memo.is_foreign = True
        return value
    return memo[id(value)] if id(value) in memo else copier(value, memo)


def _remember(cls: type) -> _Copier:
    if len(_copiers) >= _REMEMBERED_TYPES:
        _copiers.clear()
    copier = _copiers[cls] = _copier_of(cls)
    return copier


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
    memo.is_foreign = True
    if memo.whole:
        raise _CannotBeCopied
    return value


def _object(value: Any, memo: Memo) -> Any:
    """Copy an object of any class with all of its attributes, or share it."""
    memo.is_foreign = True
    if memo.whole:
        return copy_object(value, memo, _copied)
    if _shared.get(id(value)) is value:
        return value
    memo.whole = True
    try:
        return _copied_or_shared(value, memo)
    finally:
        memo.whole = False


def _container(value: Any, memo: Memo) -> Any:
    """Copy an object that only holds others; the objects in it may be shared."""
    memo.is_foreign = True
    return copy_object(value, memo, _copied) if memo.whole else _copied_or_shared(value, memo)


def _copied_or_shared(value: Any, memo: Memo) -> Any:
    size = len(memo)
    try:
        return copy_object(value, memo, _copied)
    except Exception as error:  # any exception means that it cannot be copied
        if isinstance(error, RecursionError) and not memo.whole:
            raise  # otherwise the inner containers would be shared from the depth limit on
        memo.forget_since(size)
        memo[id(value)] = value
        with contextlib.suppress(TypeError):
            _shared[id(value)] = value
        return value


# Messages consist of dicts and lists. The next three copy those among their items without `_copied`, which takes a
# third of the time.


def _dict(value: dict[Any, Any], memo: Memo) -> Any:
    made = memo[id(value)] = value.copy()
    keys_stay = True
    for key, item in made.items():
        if (cls := type(item)) not in TEXTUAL:
            copier = _INNER.get(cls, _copied)
            made[key] = memo[id(item)] if id(item) in memo else copier(item, memo)
        if type(key) not in TEXTUAL:
            keys_stay = False
    if not keys_stay:
        memo.is_foreign = True
        pairs = [(_copied(key, memo), item) for key, item in made.items()]
        made.clear()
        made.update(pairs)
    return made


def _list(value: list[Any], memo: Memo) -> Any:
    made = memo[id(value)] = value.copy()
    if not TEXTUAL.issuperset(map(type, made)) and not (len(made) >= _MANY_ROWS and _copy_rows(made, memo)):
        for at, item in enumerate(made):
            if (cls := type(item)) not in TEXTUAL:
                copier = _INNER.get(cls, _copied)
                made[at] = memo[id(item)] if id(item) in memo else copier(item, memo)
    return made


def _copy_rows(rows: list[Any], memo: Memo) -> bool:
    """Replace each item by a copy if all are dicts, or all are lists, that hold only text and numbers.

    Returns whether it did. All loops are in C: 100 rows take 0.4 of the time that they take one by one.
    """
    kinds = set(map(type, rows))
    if kinds == {dict}:
        items = chain.from_iterable(map(dict.values, rows))
        copies: Any = map(dict.copy, rows)
        is_flat = TEXTUAL.issuperset(map(type, items)) and TEXTUAL.issuperset(map(type, frozenset().union(*rows)))
    else:
        copies = map(list.copy, rows)
        is_flat = kinds == {list} and TEXTUAL.issuperset(map(type, chain.from_iterable(rows)))
    if not is_flat:
        return False
    made = dict(zip(map(id, rows), copies, strict=True))
    # A row that occurs twice is still one object in the copy.
    if len(made) != len(rows) or not memo.keys().isdisjoint(made.keys()):
        return False
    rows[:] = made.values()
    memo.update(made)
    return True


_INNER: dict[type, _Copier] = {dict: _dict, list: _list}


def _set(value: set[Any], memo: Memo) -> Any:
    made = memo[id(value)] = value.copy()
    if not TEXTUAL.issuperset(map(type, made)):
        items = [_copied(item, memo) for item in made]
        made.clear()
        made.update(items)
    return made


def _tuple(value: Any, memo: Memo) -> Any:
    """Copy a tuple or a frozenset, or return it if none of its items had to be copied."""
    if TEXTUAL.issuperset(map(type, value)):
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
    changed: dict[str, Any] = {}
    for name, field in value.__dict__.items():
        if type(field) not in TEXTUAL_OR_HANDLE and (copy := _copied(field, memo)) is not field:
            changed[name] = copy
    if not changed:
        return value
    return memo.setdefault(id(value), assemble(type(value), value._uid, {**value.__dict__, **changed}))


def _is_same(one: Any, other: Any) -> bool:
    return one is other


def _bytearray(value: bytearray, memo: Memo) -> Any:
    memo.is_foreign = True
    made = memo[id(value)] = value.copy()
    return made


def _memoryview(value: memoryview, memo: Memo) -> Any:
    memo.is_foreign = True
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
    memo.keep_alive(plain)
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
    memo.is_foreign = True
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
