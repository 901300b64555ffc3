"""How long a server takes to start, from the call until its port is bound: the first of a process, and the next."""

from __future__ import annotations

from bench.measure import Entrant, Figure, Measure, Sample, Settings
from bench.systems import PICOWS, WEBSOCKETS, ZEF, ZEFNB, running
from bench.targets import Target


def _take(entrant: Entrant, settings: Settings) -> Sample:
    with running(entrant.system):
        pass  # once for nothing, so that nothing is left to compile
    with running(entrant.system) as server:
        first = server.command("started")["seconds"]
        return {"first": first * 1000, "next": server.command("start_another")["seconds"] * 1000}


MEASURE = Measure(
    name="start",
    title="starting a server: the first of its process, imports on demand included, and the next",
    entrants=tuple(Entrant(system.name, system) for system in (ZEFNB, ZEF, PICOWS, WEBSOCKETS)),
    figures=(Figure("first", "first, ms", ratio=True), Figure("next", "next, ms", ratio=True)),
    take=_take,
    targets=(Target("zefnb", "next", must=50, less=True), Target("zefnb", "first", must=50, less=True)),
    note="peers have imported everything before; zefnb loads its network code when a server starts",
)
