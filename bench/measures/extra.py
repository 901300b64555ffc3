"""The gain of the extra `zefnb[speed]`: zefnb on uvloop compared with zefnb on asyncio's loop."""

from __future__ import annotations

from functools import partial

from bench.measure import Entrant, Figure, Measure, Sample, Settings
from bench.measures import busy
from bench.measures.echo import COUNTED
from bench.measures.fanout import converse, take
from bench.systems import ZEFNB, ZEFNB_SPEED

_FIGURES = (Figure("rate", "a second", "count", ratio=True), Figure("cpu", "CPU s/million", ratio=True), *COUNTED)
_BOTH = (ZEFNB, ZEFNB_SPEED)


def _echo(entrant: Entrant, settings: Settings) -> Sample:
    return converse(entrant, settings, "echo", clients=50)


def _entrants(**options: object) -> tuple[Entrant, ...]:
    return tuple(Entrant(system.name, system, **options) for system in _BOTH)  # type: ignore[arg-type]


MEASURES = (
    *(
        Measure(
            name=f"extra-fanout-{window}",
            title=f"64 bytes to 100 clients, {window} in flight",
            entrants=_entrants(),
            figures=_FIGURES,
            take=partial(take, window=window),
        )
        for window in (1, 10)
    ),
    Measure(
        name="extra-echo",
        title="50 clients, 1 message in flight each, through an inline actor",
        entrants=_entrants(path="/echo-inline", greeting=1, skip=len("you said: ")),
        figures=_FIGURES,
        take=_echo,
    ),
    *(
        Measure(
            name=f"extra-busy-{1 + everywhere}",
            title=f"64 bytes to 100 clients, 1 in flight, beside a busy cell, on {where}",
            entrants=_entrants(),
            figures=(*_FIGURES[:1], busy.SHARE, *_FIGURES[1:]),
            take=partial(busy.take_fanout, everywhere=everywhere),
        )
        for everywhere, where in ((False, "one core"), (True, "two cores"))
    ),
)
