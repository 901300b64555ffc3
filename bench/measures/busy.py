"""The speed of the server beside a pure-Python cell in the main thread, and the speed of the cell."""

from __future__ import annotations

import time
from functools import partial

from bench.load import load
from bench.measure import Entrant, Figure, Measure, Sample, Settings
from bench.measures.fanout import as_sample
from bench.systems import PICOWS, WEBSOCKETS, ZEF, ZEFNB, BenchError, Server, running
from bench.targets import Target

SHARE = Figure("kept", "cell keeps", "percent")
_COUNTED = (Figure("lost", "lost", "count", total=True), Figure("doubled", "doubled", "count", total=True))
# How long the cell runs alone after the load's last message, and how long in total at most.
_ALONE, _MOST = 1.0, 60
# Beside a busy cell some servers are too slow for handshakes, so clients connect before it starts.
_COMING = 1.0


def _with_cell(server: Server, entrant: Entrant, settings: Settings, **options: float | str) -> Sample:
    """Return a load's figures while the cell runs, and the cell's speed divided by its speed without load."""
    server.order("compute", seconds=_MOST, after=_COMING)
    found = load(
        server,
        path=entrant.path,
        greeting=entrant.greeting,
        skip=entrant.skip,
        seconds=settings.seconds,
        warm=settings.warm + _COMING,
        **options,  # type: ignore[arg-type]
    )
    time.sleep(_ALONE)
    server.order("run", count=1)  # ends the cell
    marks = server.reply("compute")["marks"]
    server.reply("run")
    end = found["begin"] + found["seconds"]
    during, alone = _speed(marks, found["begin"], end), _speed(marks, end + 0.2, marks[-1][0])
    return {**as_sample(found), "kept": during / alone}


def _speed(marks: list[tuple[float, float]], begin: float, end: float) -> float:
    """Return the rounds of the cell's loop per second between two moments."""
    inside = [mark for mark in marks if begin <= mark[0] <= end]
    if len(inside) < 2:
        raise BenchError("the cell ran only beside the load, or only after it")
    (first, before), (last, after) = inside[0], inside[-1]
    return (after - before) / (last - first)


def take_fanout(entrant: Entrant, settings: Settings, everywhere: bool) -> Sample:
    """Take one sample of a fan-out beside a busy cell."""
    with running(entrant.system, everywhere, entrant.without) as server:
        return _with_cell(server, entrant, settings, mode="fanout", clients=100)


def _trip(entrant: Entrant, settings: Settings, everywhere: bool) -> Sample:
    with running(entrant.system, everywhere, entrant.without) as server:
        return _with_cell(server, entrant, settings, mode="echo", clients=1, spin=int(not everywhere))


_polite = partial(Entrant, greeting=1, skip=len("you said: "))
_TALKERS = (
    _polite("zefnb", ZEFNB, path="/echo"),
    _polite("zefnb inline", ZEFNB, path="/echo-inline"),
    _polite("zef", ZEF, path="/echo"),
    Entrant("picows", PICOWS, path="/echo"),
    Entrant("websockets", WEBSOCKETS, path="/echo"),
)

MEASURES = tuple(
    measure
    for everywhere, where in ((False, "one core"), (True, "two cores"))
    for measure in (
        Measure(
            name=f"busy-fanout-{1 + everywhere}",
            title=f"64 bytes to 100 clients, 1 in flight, beside a busy cell, on {where}",
            entrants=tuple(Entrant(system.name, system) for system in (ZEFNB, ZEF, PICOWS, WEBSOCKETS)),
            figures=(Figure("rate", "deliveries/s", "count", ratio=True), SHARE, *_COUNTED),
            take=partial(take_fanout, everywhere=everywhere),
            targets=(Target("zefnb", "rate", must=2.5, peer="picows"), Target("zefnb", "kept", aim=0.85)),
        ),
        Measure(
            name=f"busy-trip-{1 + everywhere}",
            title=f"1 client, 1 message in flight, beside a busy cell, on {where}",
            entrants=_TALKERS,
            figures=(
                Figure("p50_us", "p50, us", ratio=True),
                Figure("p99_us", "p99, us"),
                Figure("rate", "messages/s", "count", ratio=True),
                SHARE,
                *_COUNTED,
            ),
            take=partial(_trip, everywhere=everywhere),
            targets=(
                Target("zefnb", "p50_us", must=0.3, peer="picows", less=True),
                Target("zefnb inline", "p50_us", must=0.3, peer="picows", less=True),
                Target("zefnb inline", "kept", aim=0.85),
            ),
        ),
    )
)
