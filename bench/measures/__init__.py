"""The measures, one file for each family, in the order in which they are shown."""

from __future__ import annotations

from bench.measure import Measure
from bench.measures import (
    busy,
    connect,
    curves,
    echo,
    extra,
    fanout,
    growth,
    imports,
    memory,
    publish,
    publish_sockets,
    run_query,
    start,
    tricks,
    watching,
)

MEASURES: tuple[Measure, ...] = (
    *fanout.MEASURES,
    *echo.MEASURES,
    connect.MEASURE,
    memory.MEASURE,
    publish.MEASURE,
    publish_sockets.MEASURE,
    run_query.MEASURE,
    *busy.MEASURES,
    watching.MEASURE,
    start.MEASURE,
    imports.MEASURE,
    *growth.MEASURES,
    *tricks.MEASURES,
    *extra.MEASURES,
    *curves.MEASURES,
)
