"""The cost of a live chart while messages arrive, and while its view is not visible."""

from __future__ import annotations

import contextlib

from bench.measure import Entrant, Figure, Measure, Sample, Settings
from bench.measures.watching import looking
from bench.systems import ZEFNB, running
from bench.targets import Target

RATE = 100
_LOOK, _PAUSE = '{"do": "look", "chart": "", "after": 0}', '{"do": "pause", "paused": true}'
# The display of each entrant, and the requests of its view.
_VIEWS = {
    "chart": ("chart", _LOOK),
    "invisible chart": ("chart", _LOOK, _PAUSE),
    "invisible table": ("watch", '{"do": "window", "limit": 50}', _PAUSE),
}


def _take(entrant: Entrant, settings: Settings) -> Sample:
    reported: Sample = {}
    view = _VIEWS.get(entrant.label)
    with running(entrant.system) as server, contextlib.ExitStack() as stack:
        if view:
            stack.enter_context(looking(server, reported, *view))
        server.command("feed", seconds=settings.warm, rate=RATE)
        found = server.command("feed", seconds=settings.seconds * 3, rate=RATE)
        stack.close()
    return {
        "cores": found["cores"],
        "messages": reported.get("messages", 0),
        "kb": reported.get("bytes", 0) / 1e3,
    }


MEASURE = Measure(
    name="chart",
    title=f"{RATE} messages/s into a topic with a live chart, and with one that is not visible",
    entrants=(Entrant("no display", ZEFNB), *(Entrant(label, ZEFNB) for label in _VIEWS)),
    figures=(
        Figure("cores", "cores", ratio=True),
        Figure("messages", "messages to the view", "count"),
        Figure("kb", "KB sent"),
    ),
    take=_take,
    targets=(
        Target("chart", "cores", must=0.1, less=True),
        # It collects the numbers meanwhile, so that they are there when it is visible again; a table does not.
        Target("invisible chart", "cores", must=1.1, peer="invisible table", less=True),
    ),
)
