"""Contexts of calls: what one call sets in a `ContextVar`, or in decimal's context, no other call sees.

Python's `ContextVar`s, and what is built upon them (`decimal`, numpy's `errstate`), belong to a `Context`. A
thread, and a loop's callback, has one that outlives the call; so each call of a user's function is made in a
copy of a context in which no such call has been made.
"""

from __future__ import annotations

import contextvars
import sys
from collections.abc import Callable
from contextvars import Context
from typing import Any

from zefnb.engine.cells import current_identity, current_notices, current_owner


class CallContexts:
    """The contexts of an actor's calls: each a copy of the one in which the actor was started."""

    __slots__ = ("_arithmetic", "_base", "fresh")

    def __init__(self, owner: Any) -> None:
        # Started by another actor's handler, it begins where that one began, not with what that one has set.
        starter = current_owner.get()
        self._base: Context = contextvars.copy_context() if starter is None else starter.contexts.fresh()
        self._base.run(_set_owner, owner)
        self._arithmetic = _arithmetic_of(self._base)
        # A context for one call, made with each message: where nothing in it changes in place, by one call of C.
        self.fresh: Callable[[], Context] = self._base.copy if self._arithmetic is None else self._calculating

    def _calculating(self) -> Context:
        context = self._base.copy()
        context.run(_calculate_by, self._arithmetic)
        return context


def begin_call() -> None:
    """Make the context that this runs in, a task's own, one of a single call."""
    _set_owner(current_owner.get())
    if (arithmetic := _arithmetic_of(contextvars.copy_context())) is not None:
        _calculate_by(arithmetic)


def call_context() -> Context:
    """A context for one call: what is set here is set there, and nothing comes back."""
    context = contextvars.copy_context()
    context.run(begin_call)
    return context


def _set_owner(owner: Any) -> None:
    current_owner.set(owner)
    # What the call starts is not what the cell has started that runs above it.
    current_identity.set(None)
    current_notices.set(None)


def _arithmetic_of(context: Context) -> Any:
    """Decimal's context in `context`, where there is one: an object that changes in place, so a copy shares it."""
    decimal = sys.modules.get("decimal")
    if decimal is None:
        return None
    return next((value.copy() for value in context.values() if isinstance(value, decimal.Context)), None)


def _calculate_by(arithmetic: Any) -> None:
    sys.modules["decimal"].setcontext(arithmetic.copy())
