"""The cost of a call to the loop from the main thread that waits for its result: `| run` of a cheap query."""

from __future__ import annotations

from bench.measure import Entrant, Figure, Measure, Sample, Settings
from bench.systems import PICOWS, WEBSOCKETS, ZEF, ZEFNB, running
from bench.targets import Target


def _take(entrant: Entrant, settings: Settings) -> Sample:
    with running(entrant.system, without=entrant.without) as server:
        return server.command("run", count=500 if settings.quick else 5000)


MEASURE = Measure(
    name="run",
    title="FX.QueryAllActiveHTTPServers() | run from the main thread",
    entrants=(
        Entrant("zefnb", ZEFNB),
        Entrant("zef", ZEF),
        Entrant("uvloop", PICOWS),
        Entrant("asyncio", WEBSOCKETS),
    ),
    figures=(Figure("p50_us", "p50, us", ratio=True), Figure("p99_us", "p99, us")),
    take=_take,
    targets=(Target("zefnb", "p50_us", must=60, aim=20, less=True),),
    note="uvloop and asyncio: run_coroutine_threadsafe(...).result() of a coroutine that does nothing",
)
