"""Echo through an actor with rules, state and effects, compared with peers that only send back."""

from __future__ import annotations

from functools import partial

from bench.measure import Entrant, Figure, Measure, Sample, Settings
from bench.measures.fanout import FIGURES, converse
from bench.systems import AIOHTTP, LIMIT, PICOWS, WEBSOCKETS, ZEF, ZEFNB
from bench.targets import Target

# The polite echo of the specification: it sends "welcome!" first, and puts "you said: " before each reply.
_polite = partial(Entrant, greeting=1, skip=len("you said: "))

ENTRANTS = (
    _polite("zefnb", ZEFNB, path="/echo"),
    _polite("zefnb inline", ZEFNB, path="/echo-inline"),
    _polite("zefnb async", ZEFNB, path="/echo-async"),
    _polite("zef", ZEF, path="/echo"),
    *(Entrant(system.name, system, path="/echo") for system in (PICOWS, WEBSOCKETS, AIOHTTP, LIMIT)),
)
RATE = Figure("rate", "messages/s", "count", ratio=True)
P50 = Figure("p50_us", "p50, us", ratio=True)
P99 = Figure("p99_us", "p99, us")
COUNTED = tuple(figure for figure in FIGURES if figure.total or figure.style == "percent")


def _take(entrant: Entrant, settings: Settings, clients: int) -> Sample:
    # One client alone measures the round trip. A load that sleeps would add two wake-ups of a
    # processor, on a virtual machine three times the round trip itself, so the load spins.
    return converse(entrant, settings, "echo", clients=clients, spin=int(clients == 1))


MEASURES = (
    Measure(
        name="echo-1",
        title="1 client, 1 message in flight, actor against bare echo (the load spins)",
        entrants=ENTRANTS,
        figures=(RATE, P50, P99, *COUNTED),
        take=partial(_take, clients=1),
        targets=(
            Target("zefnb", "p50_us", must=0.8, aim=0.5, peer="zef", less=True),
            Target("zefnb inline", "p50_us", must=0.5, peer="zef", less=True),
            Target("zefnb inline", "p50_us", aim=1.15, peer="picows", less=True),
        ),
    ),
    Measure(
        name="echo-50",
        title="50 clients, 1 message in flight each, actor against bare echo",
        entrants=ENTRANTS,
        figures=(RATE, Figure("cpu", "CPU s/million", ratio=True), *COUNTED),
        take=partial(_take, clients=50),
        targets=(
            Target("zefnb", "rate", must=4, aim=8, peer="zef"),
            Target("zefnb inline", "rate", must=8, aim=12, peer="zef"),
            Target("zefnb async", "rate", must=4, aim=8, peer="zef"),
        ),
    ),
)
