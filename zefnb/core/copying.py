"""Remaking an object from its parts, with the methods that its class has for copying and pickling."""

from __future__ import annotations

import copyreg
from collections.abc import Callable, Iterable
from typing import Any

Copied = Callable[[Any, Any], Any]


# The finished copies by the identity of their originals, as `__deepcopy__` methods expect, and the keys below. One is
# made for each message: a plain dict takes half the time of an object of a class.
Memo = dict[Any, Any]
# Present inside an object that is copied completely or not at all.
WHOLE = "whole"
_ALIVE = "alive"


def keep_alive(value: object, memo: Memo) -> None:
    """Hold a temporary value, so that no other object gets its identity while it is in the memo."""
    memo.setdefault(_ALIVE, []).append(value)


def forget_since(size: int, memo: Memo) -> None:
    """Remove all but the first `size` entries."""
    for key in list(memo)[size:]:
        del memo[key]


def copy_object(value: Any, memo: Memo, copied: Copied) -> Any:
    """Return a copy of `value`, made by its `__deepcopy__` or by its pickling methods; `copied` copies its parts.

    If the value cannot be copied, the exception of its class is raised, usually `TypeError`.
    """
    cls = type(value)
    if hasattr(cls, "__deepcopy__"):
        made = memo[id(value)] = value.__deepcopy__(memo)
        return made
    reducer = copyreg.dispatch_table.get(cls)
    parts = reducer(value) if reducer is not None else value.__reduce_ex__(4)
    if isinstance(parts, str):  # the name of a global object
        return value
    keep_alive(parts, memo)
    return _assembled(value, memo, copied, *parts)


def _assembled(
    value: Any,
    memo: Memo,
    copied: Copied,
    make: Callable[..., Any],
    args: tuple[Any, ...],
    state: Any = None,
    items: Iterable[Any] | None = None,
    pairs: Iterable[tuple[Any, Any]] | None = None,
    set_state: Callable[[Any, Any], Any] | None = None,
) -> Any:
    """Return an object made of copies of the parts from `__reduce_ex__`."""
    made = memo[id(value)] = make(*[copied(arg, memo) for arg in args])
    if state is not None:
        _set_state(made, copied(state, memo), set_state)
    for item in items or ():
        made.append(copied(item, memo))
    for key, item in pairs or ():
        made[copied(key, memo)] = copied(item, memo)
    return made


def _set_state(made: Any, state: Any, set_state: Callable[[Any, Any], Any] | None) -> None:
    if set_state is not None:
        set_state(made, state)
        return
    if hasattr(made, "__setstate__"):
        made.__setstate__(state)
        return
    attributes, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
    if attributes:
        made.__dict__.update(attributes)
    for name, item in (slots or {}).items():
        setattr(made, name, item)
