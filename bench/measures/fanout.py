"""One client sends, many receive: deliveries per second, by messages in flight, clients and size."""

from __future__ import annotations

import math
from functools import partial

from bench.load import load
from bench.measure import Entrant, Figure, Measure, Sample, Settings
from bench.systems import AIOHTTP, LIMIT, PICOWS, WEBSOCKETS, ZEF, ZEFNB, running
from bench.targets import Target

ENTRANTS = tuple(Entrant(system.name, system) for system in (ZEFNB, ZEF, PICOWS, WEBSOCKETS, AIOHTTP, LIMIT))
FIGURES = (
    Figure("rate", "deliveries/s", "count", ratio=True),
    Figure("cpu", "CPU s/million", ratio=True),
    Figure("lost", "lost", "count", total=True),
    Figure("doubled", "doubled", "count", total=True),
    Figure("wrong", "order", "count", total=True),
    # How busy their processors were: when the load is at its limit and the server is not, the
    # figure is that of the load.
    Figure("server_busy", "server", "percent"),
    Figure("load_busy", "load", "percent"),
)
BYTES = Figure("bytes", "MB/s", ratio=True)


def converse(entrant: Entrant, settings: Settings, mode: str, **options: float) -> Sample:
    """Let clients send to a new server, and return the results under the names of FIGURES."""
    with running(entrant.system, without=entrant.without) as server:
        found = load(
            server,
            mode,
            path=entrant.path,
            greeting=entrant.greeting,
            skip=entrant.skip,
            seconds=settings.seconds,
            warm=settings.warm,
            **options,
        )
    return as_sample(found)


def as_sample(found: Sample) -> Sample:
    """Return the counts of the load under the names of FIGURES."""
    return {
        "rate": found["rate"],
        "cpu": found["server_cpu"] / max(found["deliveries"], 1) * 1e6,
        "lost": found["lost"],
        "doubled": found["doubled"],
        "wrong": found["reordered"] + found["garbled"],
        "server_busy": found["server_cpu"] / found["seconds"],
        "load_busy": found["load_cpu"] / found["seconds"],
        # Clients of a server that sends nothing would wait for ever.
        "p50_us": found["p50_us"] if found["deliveries"] else math.inf,
        "p99_us": found["p99_us"] if found["deliveries"] else math.inf,
    }


def take(
    entrant: Entrant, settings: Settings, clients: int = 100, window: int = 1, talkers: int = 1, size: int = 64
) -> Sample:
    """Take one sample of a fan-out."""
    options = {"clients": clients, "window": window, "talkers": talkers, "size": size, "batch": 16}
    sample = converse(entrant, settings, "fanout", **options)
    return {**sample, "bytes": sample["rate"] * size / 1e6}


_TARGETS = {
    1: (
        Target("zefnb", "rate", must=0.85, aim=0.95, peer="picows"),
        Target("zefnb", "rate", must=1.0, aim=1.1, peer="zef"),
        Target("zefnb", "cpu", must=1.2, peer="picows", less=True),
    ),
    10: (
        Target("zefnb", "rate", must=5, aim=8, peer="picows"),
        Target("zefnb", "rate", must=2.5, peer="zef"),
    ),
    50: (
        Target("zefnb", "rate", must=15, aim=25, peer="picows"),
        Target("zefnb", "lost", must=0, less=True),
    ),
}
_WIDE_TARGETS = (
    Target("zefnb", "cpu", must=1.2, peer="picows", less=True),
    Target("zefnb", "cpu", must=1.0, peer="zef", less=True),
)
_BIG = ((16 << 10, 100, "16 KB", 0.9, 1.6), (1 << 20, 20, "1 MB", 0.8, 2.8))

MEASURES = (
    *(
        Measure(
            name=f"fanout-{window}",
            title=f"64 bytes to 100 clients, {window} in flight",
            entrants=ENTRANTS,
            figures=FIGURES,
            take=partial(take, window=window),
            targets=targets,
        )
        for window, targets in _TARGETS.items()
    ),
    Measure(
        name="talkers",
        title="50 of 100 clients send at once, 64 bytes, each waits until all have its message",
        entrants=ENTRANTS,
        figures=FIGURES,
        take=partial(take, talkers=50),
        targets=(Target("zefnb", "rate", must=8, aim=15, peer="picows"),),
    ),
    *(
        Measure(
            name=f"wide-{clients}",
            title=f"64 bytes to {clients:,} clients, 1 in flight",
            entrants=ENTRANTS,
            figures=FIGURES,
            take=partial(take, clients=clients),
            targets=_WIDE_TARGETS,
        )
        for clients in (1000, 2000)
    ),
    *(
        Measure(
            name=f"big-{name.replace(' ', '').lower()}",
            title=f"{name} to {clients} clients, 1 in flight",
            entrants=ENTRANTS,
            figures=(BYTES, *FIGURES),
            take=partial(take, clients=clients, size=size),
            targets=(
                Target("zefnb", "bytes", must=of_picows, peer="picows"),
                Target("zefnb", "bytes", must=of_zef, peer="zef"),
            ),
        )
        for size, clients, name, of_picows, of_zef in _BIG
    ),
)
