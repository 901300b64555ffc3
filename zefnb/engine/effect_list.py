"""Lists of effects that handlers return: performed in order, and each of them, also after one that fails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from zefnb.core.effect import Effect
from zefnb.core.entity import Success
from zefnb.engine.perform import is_awaitable, perform, performed, result_of
from zefnb.engine.runtime import Runtime
from zefnb.text.tracebacks import error_text

OnError = Callable[[Effect, BaseException], None]


def perform_each(runtime: Runtime, effects: Sequence[Effect], on_error: OnError) -> Coroutine[Any, Any, None] | None:
    """Perform effects in order, on the loop. Calls `on_error` for each one that fails.

    Returns a coroutine for the first effect that takes time and those after it; `None` when all are done.
    """
    for number, effect in enumerate(effects):
        try:
            result = perform(runtime, effect)
        except BaseException as error:
            on_error(effect, error)
            continue
        # The first test is quicker, and most effects return this.
        if type(result) is not Success and is_awaitable(result):
            return _rest(runtime, effect, result, effects[number + 1 :], on_error)
    return None


async def _rest(
    runtime: Runtime, effect: Effect, result: Awaitable[Any], following: Sequence[Effect], on_error: OnError
) -> None:
    await _done(runtime, effect, result_of(effect, result), on_error)
    for each in following:
        await _done(runtime, each, performed(runtime, each), on_error)


async def _done(runtime: Runtime, effect: Effect, result: Awaitable[Any], on_error: OnError) -> None:
    try:
        await result
    except BaseException as error:
        if not runtime.is_alive:
            raise
        on_error(effect, error)


def subject_of(effect: Effect, error: BaseException) -> str:
    """Return the subject of a journal entry about this error: the effect's name, unless the text begins with it."""
    name = repr(type(effect))
    return "an effect" if error_text(error).startswith(f"{name}:") else name
