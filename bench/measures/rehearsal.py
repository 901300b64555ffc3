"""The speed of a rehearsal: recorded messages against the same rules, and against rules that change every message."""

from __future__ import annotations

from bench.measure import Entrant, Figure, Measure, Sample, Settings
from bench.systems import ZEFNB, running
from bench.targets import Target

MESSAGES = 100_000
_CHANGED = "every message differs"
_STORED = "from a file"
_LABELS = ("the same rules", _CHANGED, f"the same rules, {_STORED}", f"{_CHANGED}, {_STORED}")


def _take(entrant: Entrant, settings: Settings) -> Sample:
    with running(entrant.system) as server:
        count = MESSAGES // 10 if settings.quick else MESSAGES
        given = {"changed": _CHANGED in entrant.label, "stored": _STORED in entrant.label}
        found = server.command("rehearse", timeout=120, messages=count, **given)
    return {**found, "rate": count / found["seconds"], "cpu_rate": count / found["cpu"]}


MEASURE = Measure(
    name="rehearse",
    title=f"FX.Rehearse of {MESSAGES:,} messages of 100 connections, in memory and from a file",
    entrants=tuple(Entrant(label, ZEFNB) for label in _LABELS),
    figures=(
        Figure("rate", "messages/s", "count"),
        Figure("cpu_rate", "messages/CPU s", "count"),
        Figure("differences", "differences", "count"),
    ),
    take=_take,
    targets=(Target("the same rules", "cpu_rate", must=50_000),),
    slow=True,
)
