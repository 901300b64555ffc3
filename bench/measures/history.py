"""The cost of a history: a broadcast on a route with the last 50 messages for new clients, and on one without."""

from __future__ import annotations

from functools import partial

from bench.measure import Entrant, Measure
from bench.measures.fanout import FIGURES, take
from bench.systems import ZEFNB
from bench.targets import Target

MEASURES = tuple(
    Measure(
        name=f"history-{window}",
        title=f"64 bytes to 100 clients, {window} in flight, with a history of 50 messages and with none",
        entrants=(Entrant("history=50", ZEFNB, path="/history"), Entrant("history=0", ZEFNB)),
        figures=FIGURES,
        take=partial(take, window=window),
        targets=(
            Target("history=50", "cpu", must=1.03, peer="history=0", less=True),
            Target("history=50", "lost", must=0, less=True),
        ),
    )
    for window in (1, 10)
)
