"""The measures, one file each, in the order in which they are shown."""

from __future__ import annotations

from bench.measure import Measure
from bench.measures import echo, fanout, imports, memory, publish, publish_sockets, run_query, start, talkers

MEASURES: tuple[Measure, ...] = (
    *fanout.MEASURES,
    talkers.MEASURE,
    *echo.MEASURES,
    memory.MEASURE,
    run_query.MEASURE,
    publish.MEASURE,
    publish_sockets.MEASURE,
    imports.MEASURE,
    start.MEASURE,
)
