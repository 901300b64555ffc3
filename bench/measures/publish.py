"""Publishing from the main thread to one subscriber in the same process."""

from __future__ import annotations

from bench.measure import Entrant, Figure, Measure, Sample, Settings
from bench.systems import PICOWS, WEBSOCKETS, ZEF, ZEFNB, running
from bench.targets import Target


def _take(entrant: Entrant, settings: Settings) -> Sample:
    with running(entrant.system) as server:
        server.command("publish", seconds=settings.warm)
        found = server.command("publish", seconds=settings.seconds)
    return {
        "accepted": found["count"] / found["accepted"],
        # The time ends when all accepted messages have been delivered, so that a growing queue shows here.
        "passed": found["count"] / found["passed"],
        "cpu": found["cpu"] / found["count"] * 1e6,
    }


MEASURE = Measure(
    name="publish",
    title="FX.Publish(...) | run from the main thread to one subscriber (op=length) in this process",
    entrants=(
        Entrant("zefnb", ZEFNB),
        Entrant("zef", ZEF),
        Entrant("uvloop", PICOWS),
        Entrant("asyncio", WEBSOCKETS),
    ),
    figures=(
        Figure("accepted", "accepted/s", "count", ratio=True),
        Figure("passed", "handed on/s", "count", ratio=True),
        Figure("cpu", "CPU s/million", ratio=True),
    ),
    take=_take,
    targets=(Target("zefnb", "accepted", must=300e3, aim=1e6),),
    note="the others: call_soon_threadsafe(len, message), which checks and bounds nothing",
)
