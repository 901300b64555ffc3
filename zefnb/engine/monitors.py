"""Monitors: they are called with each effect of a runtime and its result."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from zefnb.core.effect import Effect
from zefnb.engine.runtime import Runtime
from zefnb.text.short_repr import short_repr


def call_monitors(runtime: Runtime, effect: Effect, result: Any) -> None:
    """Call each monitor. One that fails is in the journal, and changes nothing."""
    for monitor in runtime.monitors:
        try:
            monitor(effect, result)
        except Exception as error:
            runtime.report(f"the monitor {short_repr(monitor)}", error, key=("monitor", type(monitor)))


async def monitored_later(runtime: Runtime, effect: Effect, awaitable: Awaitable[Any]) -> Any:
    """Call the monitors when the effect is complete. Returns its result."""
    try:
        result = await awaitable
    except BaseException as error:
        call_monitors(runtime, effect, error)
        raise
    call_monitors(runtime, effect, result)
    return result
