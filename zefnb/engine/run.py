"""`run`: the name under which everything is performed. Having it loads nothing; using it starts the engine."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from zefnb.core.op import Evaluator


@functools.cache
def _engine() -> Callable[[Any], Any]:
    """What performs: loaded when it is first asked for, since it brings asyncio, 28 ms of the star import's 145."""
    from zefnb.engine.perform import run_here

    return run_here


class Run(Evaluator):
    """Perform effects: `FX.Publish(...) | run`, or a list of them.

    From any thread it waits until it has happened and returns the answer, or raises. Ctrl-C ends the
    wait and cancels what was submitted. On the loop itself, quick effects happen at once and those
    that take time raise `WouldBlock`.

    >>> from zefnb import FX, ET, run
    >>> FX.Publish(target=ET.Topic('nobody-listens'), content='hi') | run
    ET.Success()
    """

    __slots__ = ()

    def evaluate(self, value: Any) -> Any:
        return _engine()(value)

    def __repr__(self) -> str:
        return "run"

    def __reduce__(self) -> str:
        return "run"


run = Run()
