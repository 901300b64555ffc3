"""`run`: the name under which everything is performed. Having it loads nothing; using it starts the engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zefnb.core.entity import ET
from zefnb.core.op import Evaluator
from zefnb.engine.start import Ended, Starting, only_publishes, run_in_own_thread

_perform: Callable[[Any], Any] | None = None


def _engine() -> Callable[[Any], Any]:
    """What performs: loaded when it is first asked for, since it brings asyncio, 28 ms of the star import's 145."""
    global _perform
    _perform = run_in_own_thread(_loaded)
    return _perform


def _loaded() -> Callable[[Any], Any]:
    from zefnb.engine.perform import run_here

    return run_here


def _started() -> Callable[[Any], Any]:
    """What performs, when it can do so without a wait."""
    from zefnb.engine.runtime import start_default_runtime

    start_default_runtime()
    return _loaded()


def _publish_result(given: Any) -> Any:
    """What publishing answers."""
    return [ET.Success() for _ in given] if isinstance(given, list | tuple) else ET.Success()


class Run(Evaluator):
    """Perform effects: `FX.Publish(...) | run`, or a list of them.

    From any thread it waits until it has happened and returns the answer, or raises. Ctrl-C ends the
    wait and cancels what was submitted. On the loop itself, quick effects happen at once and those
    that take time raise `WouldBlock`. In signal handlers, finalizers and hooks it works as elsewhere; while the
    runtime is only being started, and when it has ended with the process, publishing reaches nobody and other
    effects raise `WouldBlock` and `Interrupted`.

    >>> from zefnb import FX, ET, run
    >>> FX.Publish(target=ET.Topic('nobody-listens'), content='hi') | run
    ET.Success()
    """

    __slots__ = ()

    def evaluate(self, value: Any) -> Any:
        try:
            return (_perform or _engine())(value)
        except Starting:
            # At once: where signals come faster than a runtime starts, handlers that wait would pile up.
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
