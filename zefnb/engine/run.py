"""`run`, which performs effects. Importing it loads nothing; using it starts the engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zefnb.core.entity import ET
from zefnb.core.op import Evaluator
from zefnb.engine.start import Ended, Starting, only_publishes, run_in_own_thread

_perform: Callable[[Any], Any] | None = None


def _engine() -> Callable[[Any], Any]:
    """Return the function that performs effects; loaded on first use, since it imports asyncio, which takes 28 ms."""
    global _perform
    _perform = run_in_own_thread(_loaded)
    return _perform


def _loaded() -> Callable[[Any], Any]:
    from zefnb.engine.perform import run_here

    return run_here


def _started() -> Callable[[Any], Any]:
    """Start the runtime and return the function that performs effects."""
    from zefnb.engine.runtime import start_default_runtime

    start_default_runtime()
    return _loaded()


def _publish_result(given: Any) -> Any:
    """Return the result of publishing."""
    return [ET.Success() for _ in given] if isinstance(given, list | tuple) else ET.Success()


class Run(Evaluator):
    """Perform an effect, or a list of effects in order: `FX.Publish(...) | run`.

    In any thread, it waits until the effect is complete. Ctrl-C ends the wait and cancels the effect. On the event
    loop itself, quick effects are performed at once.

    It also works in signal handlers, finalizers and hooks. While the runtime is starting, and after it has ended with
    the process, publishing has no effect, since there are no subscribers, and other effects raise `WouldBlock` or
    `Interrupted`.

    Returns:
        The result of the effect, or a list of the results.

    Raises:
        InvalidEffect: The value is not an effect, or a field is missing.
        WouldBlock: The effect takes time, and waiting for it here would block the event loop.
        Interrupted: The runtime ended before the effect was complete.

    >>> from zefnb import FX, ET, run
    >>> FX.Publish(target=ET.Topic('news'), content='hi') | run
    ET.Success()
    """

    __slots__ = ()

    def evaluate(self, value: Any) -> Any:
        try:
            return (_perform or _engine())(value)
        except Starting:
            # Without waiting: if signals arrive faster than a runtime starts, waiting handlers would pile up.
            return (
                _publish_result(value) if only_publishes(value) else run_in_own_thread(_started, may_nest=True)(value)
            )
        except Ended:
            if only_publishes(value):
                return _publish_result(value)
            raise

    def __repr__(self) -> str:
        return "run"

    def __reduce__(self) -> str:
        return "run"


run = Run()
