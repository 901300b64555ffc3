"""Two pictures: the rate by the number of clients, and the latency by the load. `--plots DIR` draws them."""

from __future__ import annotations

from bench.measure import Curve, Entrant, Figure, Measure, Sample, Settings
from bench.measures.fanout import take
from bench.systems import LIMIT, PICOWS, WEBSOCKETS, ZEF, ZEFNB

_SYSTEMS = (ZEFNB, ZEF, PICOWS, WEBSOCKETS, LIMIT)
_FIGURES = (
    Figure("rate", "deliveries/s", "count"),
    Figure("p50_us", "p50, us", "count"),
    Figure("cpu", "CPU s/million"),
    Figure("lost", "lost", "count", total=True),
)


def _take(entrant: Entrant, settings: Settings) -> Sample:
    return take(entrant, settings, clients=entrant.clients, window=entrant.window)


MEASURES = (
    Measure(
        name="curve-clients",
        title="64 bytes, 10 messages in flight, by number of clients",
        entrants=tuple(
            Entrant(f"{system.name}, {clients:,}", system, clients=clients, window=10)
            for clients in (10, 30, 100, 300, 1000, 2000)
            for system in _SYSTEMS
        ),
        figures=_FIGURES,
        take=_take,
        curve=Curve("clients", "rate", "clients", "deliveries a second"),
        slow=True,
    ),
    Measure(
        name="curve-load",
        title="64 bytes to 100 clients, with 1, 2, 5, 10, 20 and 50 messages in flight",
        entrants=tuple(
            Entrant(f"{system.name}, {window}", system, clients=100, window=window)
            for window in (1, 2, 5, 10, 20, 50)
            for system in _SYSTEMS
        ),
        figures=_FIGURES,
        take=_take,
        curve=Curve("rate", "p50_us", "deliveries a second", "until all 100 have a message, microseconds (p50)"),
        slow=True,
    ),
)
