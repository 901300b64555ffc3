"""Remaking an object from its parts, by the means that its class provides for copying and pickling."""

from __future__ import annotations

import copyreg
from collections.abc import Callable, Iterable
from typing import Any

Copied = Callable[[Any, Any], Any]


class Memo(dict[int, Any]):
    """What has been copied already, by identity, as `__deepcopy__` methods expect it.

    `objects` says whether they are copied at all; `whole` is set inside one that is copied as a whole or not at all.
    """

    __slots__ = ("alive", "objects", "whole")

    def __init__(self, objects: bool = True) -> None:
        super().__init__()
        self.objects = objects
        self.whole = False
        # Temporary values whose identity must not be given to others while it is in the memo.
        self.alive: list[Any] = []

    def forget_since(self, size: int) -> None:
        """Forget what came in after there were `size` entries."""
        for key in list(self)[size:]:
            del self[key]


def remade(value: Any, memo: Memo, copied: Copied) -> Any:
    """A copy of `value` by its `__deepcopy__`, or by what pickling would use; `copied` copies what is in it.

    Raises whatever the class raises, usually `TypeError`, when there is no way to copy it.
    """
    cls = type(value)
    if hasattr(cls, "__deepcopy__"):
        made = memo[id(value)] = value.__deepcopy__(memo)
        return made
    reducer = copyreg.dispatch_table.get(cls)
    parts = reducer(value) if reducer is not None else value.__reduce_ex__(4)
    if isinstance(parts, str):  # the name of something global
        return value
    memo.alive.append(parts)
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
    """The object that the parts which `__reduce_ex__` returns describe, made of copies."""
    made = memo[id(value)] = make(*[copied(arg, memo) for arg in args])
    if state is not None:
        _give_state(made, copied(state, memo), set_state)
    for item in items or ():
        made.append(copied(item, memo))
    for key, item in pairs or ():
        made[copied(key, memo)] = copied(item, memo)
    return made


def _give_state(made: Any, state: Any, set_state: Callable[[Any, Any], Any] | None) -> None:
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
