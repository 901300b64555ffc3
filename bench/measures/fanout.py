"""One client talks, a hundred hear it: deliveries a second with 1, 10 and 50 messages in flight."""

from __future__ import annotations

from functools import partial

from bench.load import load
from bench.measure import Entrant, Figure, Measure, Sample, Settings
from bench.systems import LIMIT, PICOWS, WEBSOCKETS, ZEFNB, running

ENTRANTS = tuple(Entrant(system.name, system) for system in (ZEFNB, PICOWS, WEBSOCKETS, LIMIT))
FIGURES = (
    Figure("rate", "deliveries/s", "count", ratio=True),
    Figure("cpu", "CPU s/million", ratio=True),
    Figure("lost", "lost", "count", total=True),
    Figure("doubled", "doubled", "count", total=True),
    Figure("wrong", "order", "count", total=True),
    # How busy their processors were: where the load is at its limit and the server is not, the
    # figure is the load's.
    Figure("server_busy", "server", "percent"),
    Figure("load_busy", "load", "percent"),
)


def converse(entrant: Entrant, settings: Settings, mode: str, **options: float) -> Sample:
    """Let clients talk to a fresh server, and put what happened under the names of FIGURES."""
    with running(entrant.system) as server:
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
    return {
        "rate": found["rate"],
        "cpu": found["server_cpu"] / max(found["deliveries"], 1) * 1e6,
        "lost": found["lost"],
        "doubled": found["doubled"],
        "wrong": found["reordered"] + found["garbled"],
        "server_busy": found["server_cpu"] / found["seconds"],
        "load_busy": found["load_cpu"] / found["seconds"],
        "p50_us": found["p50_us"],
        "p99_us": found["p99_us"],
    }


def _take(entrant: Entrant, settings: Settings, window: int) -> Sample:
    return converse(entrant, settings, "fanout", clients=100, talkers=1, window=window)


MEASURES = tuple(
    Measure(
        name=f"fanout-{window}",
        title=f"64 bytes to 100 clients, {window} in flight",
        entrants=ENTRANTS,
        figures=FIGURES,
        take=partial(_take, window=window),
    )
    for window in (1, 10, 50)
)
