"""The cost of a live table with 5,000 clients, idle and while they receive a broadcast."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Iterator

from bench import machine
from bench.load import load, loading
from bench.machine import cpu_seconds
from bench.measure import Entrant, Figure, Measure, Sample, Settings
from bench.systems import ZEFNB, BenchError, Lines, Server, child, running
from bench.targets import Target

CLIENTS = 5000


@contextlib.contextmanager
def looking(server: Server, reported: Sample, display: str = "watch", *requests: str) -> Iterator[None]:
    """Open a view as a browser does, on the load's processor. `reported` counts the bytes that it receives."""
    access = server.command(display)
    _, processor = machine.processors()
    argv = [sys.executable, "-m", "bench.load.viewer", access["url"], access["token"], access["secret"], *requests]
    with child(argv, {processor}, machine.BUILD / "viewer.log") as process:
        assert process.stdout is not None
        assert process.stdin is not None
        lines = Lines(process.stdout)
        if lines.next(20) is None:
            raise BenchError("the viewer was refused; see build/viewer.log")
        yield
        process.stdin.close()
        last = lines.next(10)
        if last is None:
            raise BenchError("the viewer lost its connection; see build/viewer.log")
        reported.update(json.loads(last))


def _idle(server: Server, seconds: float) -> float:
    """Return the CPU seconds per second while 5,000 clients are connected and send nothing."""
    with loading(server, "idle", clients=CLIENTS, limit=60, batch=16) as crowd:
        crowd.wait_until_ready(60)
        time.sleep(1.5)  # until the table has all of them
        before = cpu_seconds(server.pid)
        time.sleep(seconds)
        used = cpu_seconds(server.pid) - before
        crowd.leave()
        crowd.result()
    return used / seconds


def _take(entrant: Entrant, settings: Settings) -> Sample:
    reported: Sample = {}
    seconds = settings.seconds * 3
    with running(entrant.system) as server:
        watched = entrant.label != "zefnb"
        with looking(server, reported) if watched else contextlib.nullcontext():
            idle = _idle(server, seconds)
            found = load(server, "fanout", clients=CLIENTS, seconds=seconds, warm=settings.warm, batch=16)
    return {
        "idle": idle,
        "rate": found["rate"],
        "cpu": found["server_cpu"] / max(found["deliveries"], 1) * 1e6,
        "lost": found["lost"],
        "tables": reported.get("tables", 0),
        "kb": reported.get("bytes", 0) / 1e3,
    }


MEASURE = Measure(
    name="watch",
    title=f"{CLIENTS:,} clients in a live table: idle, and while each gets 64 bytes, 1 in flight",
    entrants=(Entrant("zefnb", ZEFNB), Entrant("zefnb watched", ZEFNB)),
    figures=(
        Figure("idle", "cores when idle"),
        Figure("rate", "deliveries/s", "count", ratio=True),
        Figure("cpu", "CPU s/million", ratio=True),
        Figure("lost", "lost", "count", total=True),
        Figure("tables", "tables sent", "count"),
        Figure("kb", "KB sent"),
    ),
    take=_take,
    slow=True,
    targets=(
        Target("zefnb watched", "idle", must=0.1, less=True),
        Target("zefnb watched", "rate", must=0.95, peer="zefnb"),
        Target("zefnb watched", "cpu", must=1.05, peer="zefnb", less=True),
    ),
)
