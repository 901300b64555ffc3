"""The table of the replays, which publish the messages of a source."""

from __future__ import annotations

from collections.abc import Iterable

from zefnb.core.effect import FX
from zefnb.engine.perform import perform
from zefnb.engine.runtime import Runtime
from zefnb.notebook.display.columns import Column
from zefnb.notebook.watch.requests import Request
from zefnb.notebook.watch.table import Action, Table
from zefnb.replay.replay import Replay
from zefnb.replay.replays import Replays as Running


def _stop(runtime: Runtime, replay: Replay, request: Request) -> str:
    perform(runtime, FX.StopReplay(replay=replay.handle))
    return f"stopped {replay.handle!r}"


class Replays(Table[Replay]):
    """The table of the running replays."""

    noun = "replay"
    empty = "no replay is running"
    columns = (
        Column("uid", "replay", "uid", lambda row: row.handle._uid, fixed=True, width=96, keep=10),
        Column("target", "target", "uid", lambda row: row.target._uid, fixed=True, width=120, grow=2, keep=9),
        Column("published", "published", "number", width=80, keep=8),
        Column("total", "of", "number", width=80, keep=7),
    )
    actions = (Action("stop", "Stop replay", _stop, question="Really stop?"),)

    def rows(self, runtime: Runtime) -> Iterable[Replay]:
        return runtime.service(Running)

    def title(self, row: Replay) -> str:
        return f"Replay into {row.target._uid}"


TABLE = Replays()
