"""Call contexts: a `ContextVar` or decimal setting that one call changes stays as it was for all other calls.

Python's `ContextVar`s, and settings built on them (`decimal`, numpy's `errstate`), belong to a `Context`. The context
of a thread or of a loop callback is used for many calls, so each call of a user's function runs in a copy of a context
in which no such call has run.
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
        # An actor that another actor's handler starts begins with the base context, without the handler's changes.
        starter = current_owner.get()
        self._base: Context = contextvars.copy_context() if starter is None else starter.contexts.fresh()
        self._base.run(_set_owner, owner)
        self._arithmetic = _arithmetic_of(self._base)
        # Returns a context for one call. Without a decimal context, which is mutable, a plain copy is enough.
        self.fresh: Callable[[], Context] = self._base.copy if self._arithmetic is None else self._copy_with_arithmetic

    def _copy_with_arithmetic(self) -> Context:
        context = self._base.copy()
        context.run(_set_arithmetic, self._arithmetic)
        return context


def begin_call() -> None:
    """Prepare the current context, that of a task, for a single call."""
    _set_owner(current_owner.get())
    if (arithmetic := _arithmetic_of(contextvars.copy_context())) is not None:
        _set_arithmetic(arithmetic)


def call_context() -> Context:
    """Return a context for one call: a copy of the current one, so that changes in the call have no effect here."""
    context = contextvars.copy_context()
    context.run(begin_call)
    return context


def _set_owner(owner: Any) -> None:
    current_owner.set(owner)
    # Objects that the call starts do not belong to the cell that runs at the same time.
    for variable in (current_identity, current_notices):
        if variable.get() is not None:  # to read one takes a tenth of the time
            variable.set(None)


def _arithmetic_of(context: Context) -> Any:
    """Return a copy of the decimal context in `context`, if any: it is mutable, and a copied context shares it."""
    decimal = sys.modules.get("decimal")
    if decimal is None:
        return None
    return next((value.copy() for value in context.values() if isinstance(value, decimal.Context)), None)


def _set_arithmetic(arithmetic: Any) -> None:
    sys.modules["decimal"].setcontext(arithmetic.copy())
