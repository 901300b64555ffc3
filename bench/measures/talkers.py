"""Half of the room talks at once: 50 of 100 clients, each with one message in flight to all."""

from __future__ import annotations

from bench.measure import Entrant, Measure, Sample, Settings
from bench.measures.fanout import ENTRANTS, FIGURES, converse


def _take(entrant: Entrant, settings: Settings) -> Sample:
    return converse(entrant, settings, "fanout", clients=100, talkers=50, window=1)


MEASURE = Measure(
    name="talkers",
    title="50 of 100 clients talk at once, 64 bytes, each waits until all have its message",
    entrants=ENTRANTS,
    figures=FIGURES,
    take=_take,
)
