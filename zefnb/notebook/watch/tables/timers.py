"""The table of the timers, which publish at intervals."""

from __future__ import annotations

from collections.abc import Iterable

from zefnb.core.effect import FX
from zefnb.engine.perform import perform
from zefnb.engine.runtime import Runtime
from zefnb.notebook.display.columns import Column
from zefnb.notebook.watch.requests import Request
from zefnb.notebook.watch.table import Action, Table
from zefnb.topics.timer import Timer
from zefnb.topics.timer import Timers as Running


def _stop(runtime: Runtime, timer: Timer, request: Request) -> str:
    perform(runtime, FX.StopTimer(timer=timer.handle))
    return f"stopped {timer.handle!r}"


class Timers(Table[Timer]):
    """The table of the running timers."""

    noun = "timer"
    empty = "no timer is running"
    columns = (
        Column("uid", "timer", "uid", lambda row: row.handle._uid, fixed=True, width=96, keep=10),
        Column("interval", "every", "interval", fixed=True, width=72, keep=9),
        Column("target", "target", "uid", lambda row: row.target._uid, fixed=True, width=120, grow=2, keep=8),
        Column("next", "next", "time", width=66, keep=7),
        Column("ticks", "ticks", "number", width=60, keep=6),
        Column("skipped", "skipped", "number", width=60, keep=5, highlight_above=0),
    )
    actions = (Action("stop", "Stop timer", _stop, question="Really stop?"),)

    def rows(self, runtime: Runtime) -> Iterable[Timer]:
        return runtime.service(Running)

    def title(self, row: Timer) -> str:
        return f"Timer into {row.target._uid}"


TABLE = Timers()
