"""The gain of each optimization of the hot path: zefnb with it, and with it switched off."""

from __future__ import annotations

from functools import partial

from bench.measure import Entrant, Figure, Measure, Sample, Settings
from bench.measures import busy, connect, run_query
from bench.measures.echo import COUNTED
from bench.measures.fanout import converse, take
from bench.systems import ZEFNB

_FIGURES = (Figure("rate", "a second", "count", ratio=True), Figure("cpu", "CPU s/million", ratio=True), *COUNTED)


def _entrants(*tricks: str, **options: object) -> tuple[Entrant, ...]:
    make = partial(Entrant, system=ZEFNB, **options)  # type: ignore[arg-type]
    return (make("zefnb"), *(make(f"without {trick}", without=trick) for trick in tricks))


def _echo(entrant: Entrant, settings: Settings) -> Sample:
    return converse(entrant, settings, "echo", clients=50)


MEASURES = (
    Measure(
        name="tricks-talkers",
        title="50 of 100 clients send at once",
        entrants=_entrants("one write per iteration", "joined batches", "own parser", "shared buffer"),
        figures=_FIGURES,
        take=partial(take, talkers=50),
    ),
    Measure(
        name="tricks-burst",
        title="64 bytes to 100 clients, 50 in flight",
        entrants=_entrants("one write per iteration", "joined batches", "own parser"),
        figures=_FIGURES,
        take=partial(take, window=50),
    ),
    Measure(
        name="tricks-big",
        title="1 MB to 20 clients, 1 in flight",
        entrants=_entrants("kept memory"),
        figures=_FIGURES,
        take=partial(take, clients=20, size=1 << 20),
    ),
    Measure(
        name="tricks-echo",
        title="50 clients, 1 message in flight each, through an inline actor",
        entrants=_entrants(
            "own parser",
            "shared buffer",
            "writes at the iteration's end",
            path="/echo-inline",
            greeting=1,
            skip=len("you said: "),
        ),
        figures=_FIGURES,
        take=_echo,
    ),
    Measure(
        name="tricks-connect",
        title="1,000 clients connect, 16 handshakes at a time",
        entrants=_entrants("plain handshakes"),
        figures=_FIGURES[:2],
        take=connect.take,
    ),
    Measure(
        name="tricks-run",
        title="FX.QueryAllActiveHTTPServers() | run from the main thread",
        entrants=_entrants("wakers"),
        figures=run_query.MEASURE.figures,
        take=run_query.MEASURE.take,
    ),
    Measure(
        name="tricks-busy",
        title="64 bytes to 100 clients, 1 in flight, beside a busy cell, on two cores",
        entrants=_entrants("writes at the iteration's end"),
        figures=(*_FIGURES[:1], busy.SHARE, *_FIGURES[1:]),
        take=partial(busy.take_fanout, everywhere=True),
    ),
)
