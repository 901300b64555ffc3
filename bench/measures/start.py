"""How long the first server of a process takes to start, from the call until its port is bound."""

from __future__ import annotations

from bench.measure import Entrant, Figure, Measure, Sample, Settings
from bench.systems import PICOWS, WEBSOCKETS, ZEFNB, running


def _take(entrant: Entrant, settings: Settings) -> Sample:
    with running(entrant.system) as server:
        return {"ms": server.command("started")["seconds"] * 1000}


MEASURE = Measure(
    name="start",
    title="starting the first server of a process, imports on demand included",
    entrants=tuple(Entrant(system.name, system) for system in (ZEFNB, PICOWS, WEBSOCKETS)),
    figures=(Figure("ms", "ms", ratio=True),),
    take=_take,
    note="peers have imported everything before; zefnb loads its network code when a server starts",
)
