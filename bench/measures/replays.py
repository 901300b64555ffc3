"""Many messages with one effect, and replays: how fast, and how exact."""

from __future__ import annotations

from functools import partial

from bench.measure import Entrant, Figure, Measure, Sample, Settings
from bench.systems import ZEFNB, running
from bench.targets import Target

_AT_ONCE, _SINGLE = "FX.PublishAll", "FX.Publish"
_COUNT = 100_000


def _publish(entrant: Entrant, settings: Settings, kind: str) -> Sample:
    count = _COUNT // 10 if settings.quick else _COUNT
    with running(entrant.system) as server:
        at_once = entrant.label == _AT_ONCE
        server.command("publish_many", at_once=at_once, kind=kind, count=count // 10)
        found = server.command("publish_many", at_once=at_once, kind=kind, count=count)
    return {
        "accepted": count / found["accepted"],
        "passed": count / found["passed"],
        "cpu": found["cpu"] / count * 1e6,
    }


def _replay(entrant: Entrant, settings: Settings) -> Sample:
    count = _COUNT // 50 if settings.quick else _COUNT // 5
    with running(entrant.system) as server:
        server.command("replay", kind=entrant.label, count=count // 10)
        found = server.command("replay", kind=entrant.label, count=count)
    return {"rate": count / found["seconds"], "wrong": found["wrong"]}


def _pauses(entrant: Entrant, settings: Settings) -> Sample:
    with running(entrant.system) as server:
        what = "sleep_pauses" if entrant.label == "time.sleep" else "replay_pauses"
        found = server.command(what, count=50 if settings.quick else 200)
    return {key: found[key] for key in ("median", "p99", "worst")}


def _many(kind: str, must: float) -> Measure:
    return Measure(
        name=f"publish-all-{kind}",
        title=f"{_COUNT:,} {kind} from the main thread to one subscriber (op=length), at once and one by one",
        entrants=(Entrant(_AT_ONCE, ZEFNB), Entrant(_SINGLE, ZEFNB)),
        figures=(
            Figure("accepted", "accepted/s", "count", ratio=True),
            Figure("passed", "handed on/s", "count", ratio=True),
            Figure("cpu", "CPU s/million", ratio=True),
        ),
        take=partial(_publish, kind=kind),
        targets=(Target(_AT_ONCE, "accepted", must=must, peer=_SINGLE),),
    )


MEASURES = (
    _many("texts", 8),
    _many("rows", 2),
    Measure(
        name="replay",
        title="a replay with speed='max' of rows to one inline actor",
        entrants=tuple(Entrant(kind, ZEFNB) for kind in ("list", "generator", "recording")),
        figures=(Figure("rate", "messages/s", "count"), Figure("wrong", "wrong", "count", total=True)),
        take=_replay,
        targets=tuple(
            target
            for kind in ("list", "generator", "recording")
            for target in (Target(kind, "rate", must=1e3), Target(kind, "wrong", must=0, less=True))
        ),
    ),
    Measure(
        name="replay-pauses",
        title="a replay at speed 1 of messages with pauses of 1 to 20 ms: by how much a pause differs",
        entrants=(Entrant("zefnb", ZEFNB), Entrant("time.sleep", ZEFNB)),
        figures=(Figure("median", "median ms"), Figure("p99", "p99 ms"), Figure("worst", "worst ms")),
        take=_pauses,
        targets=(Target("zefnb", "p99", must=5, less=True),),
        note="time.sleep: a loop in the main thread that sleeps until the same moments; the delay of the machine",
    ),
)
