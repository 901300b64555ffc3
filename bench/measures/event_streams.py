"""Server-sent events: the main thread publishes to 100 streams, in a burst, and one message at a time."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from functools import partial

from bench import machine
from bench.machine import cpu_seconds
from bench.measure import Entrant, Figure, Measure, Sample, Settings
from bench.systems import STARLETTE, ZEFNB, BenchError, Lines, Server, child, running
from bench.targets import Target

CLIENTS, SIZE = 100, 64
WARM, FEWEST, MOST = 100, 300, 5000
PAUSE = 0.002


@contextlib.contextmanager
def _streams(server: Server, count: int) -> Iterator[Lines]:
    """Connect the clients, on the load's processor; the next line has their counts."""
    _, processor = machine.processors()
    argv = [sys.executable, "-m", "bench.load.streams", *map(str, (server.port, CLIENTS, count, SIZE))]
    with child(argv, {processor}, machine.BUILD / "streams.log") as process:
        assert process.stdout is not None
        lines = Lines(process.stdout)
        if lines.next(30) is None:
            raise BenchError("the event streams did not open; see build/streams.log")
        yield lines


def _publish(server: Server, count: int, pause: float) -> Sample:
    with _streams(server, count) as lines:
        begun = server.command("publish_to_sockets", count=count, size=SIZE, pause=pause)
        if (line := lines.next(60)) is None:
            raise BenchError("the event streams reported nothing; see build/streams.log")
        cpu = cpu_seconds(server.pid) - begun["cpu_at_begin"]
    found = json.loads(line)
    received = count * CLIENTS - found["lost"]
    return {
        "rate": received / (found["last"] - begun["begin"]),  # both clocks are CLOCK_MONOTONIC
        "cpu": cpu / max(received, 1) * 1e6,
        **{name: found[name] for name in ("lost", "doubled", "wrong")},
    }


def _take(entrant: Entrant, settings: Settings, pause: float = 0) -> Sample:
    with running(entrant.system) as server:
        guess = settings.seconds / pause if pause else 0
        # A short burst first, to warm up, and to find a length that takes each system about the same time.
        found = _publish(server, WARM, pause)["rate"] / CLIENTS * settings.seconds
        return _publish(server, int(min(max(guess or found, FEWEST), MOST)), pause)


_COUNTED = (
    Figure("lost", "lost", "count", total=True),
    Figure("doubled", "doubled", "count", total=True),
    Figure("wrong", "order", "count", total=True),
)
_CPU = Figure("cpu", "CPU s/million", ratio=True)
_ENTRANTS = tuple(Entrant(system.name, system, path="/events") for system in (ZEFNB, STARLETTE))
_NOTE = "starlette: a StreamingResponse with a queue for each client, on uvicorn"

MEASURES = (
    Measure(
        name="events-burst",
        title=f"publishing from the main thread to {CLIENTS} event streams, {SIZE} bytes",
        entrants=_ENTRANTS,
        figures=(Figure("rate", "deliveries/s", "count", ratio=True), _CPU, *_COUNTED),
        take=_take,
        targets=(
            Target("zefnb", "rate", must=5, peer="starlette"),
            Target("zefnb", "lost", must=0, less=True),
        ),
        note=_NOTE,
    ),
    Measure(
        name="events-paced",
        title=f"the same, a message each {PAUSE * 1e3:.0f} ms",
        entrants=_ENTRANTS,
        figures=(_CPU, *_COUNTED),
        take=partial(_take, pause=PAUSE),
        targets=(
            Target("zefnb", "cpu", must=0.7, peer="starlette", less=True),
            Target("zefnb", "lost", must=0, less=True),
        ),
        note=_NOTE,
    ),
)
