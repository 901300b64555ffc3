"""Growth: the cost of a delivery with more clients, more rules, more topics, and a full journal."""

from __future__ import annotations

from functools import partial

from bench.load import load
from bench.measure import Entrant, Figure, Measure, Sample, Settings
from bench.measures.echo import COUNTED
from bench.measures.fanout import as_sample, take
from bench.systems import LIMIT, ZEFNB, running
from bench.targets import Target

_CPU = Figure("cpu", "CPU s/million", ratio=True)
_FLAT = 1.2
_polite = partial(Entrant, system=ZEFNB, greeting=1, skip=len("you said: "))


def _clients(entrant: Entrant, settings: Settings) -> Sample:
    return take(entrant, settings, clients=entrant.clients)


def _echo(entrant: Entrant, settings: Settings) -> Sample:
    with running(entrant.system) as server:
        if entrant.label == "journal full":
            server.command("fill_journal")
        return as_sample(
            load(
                server,
                "echo",
                path=entrant.path,
                greeting=entrant.greeting,
                skip=entrant.skip,
                clients=50,
                seconds=settings.seconds,
                warm=settings.warm,
            )
        )


def _topics(entrant: Entrant, settings: Settings) -> Sample:
    with running(entrant.system) as server:
        found = server.command("publish_around", seconds=settings.seconds, topics=entrant.clients)
    return {"rate": found["count"] / found["passed"], "cpu": found["cpu"] / found["count"] * 1e6}


MEASURES = (
    Measure(
        name="growth-clients",
        title="a delivery of 64 bytes, 1 in flight, by number of clients",
        entrants=tuple(
            Entrant(f"{system.name}, {clients:,} clients", system, clients=clients)
            for system in (ZEFNB, LIMIT)
            for clients in (10, 100, 1000, 2000)
        ),
        figures=(_CPU, Figure("rate", "deliveries/s", "count"), *COUNTED),
        take=_clients,
        targets=(
            Target("zefnb, 2,000 clients", "cpu", must=_FLAT, peer="zefnb, 10 clients", less=True),
            Target("zefnb, 2,000 clients", "cpu", aim=_FLAT, peer="zefnb, 100 clients", less=True),
        ),
        note="the C limit shows the kernel's part of it",
    ),
    Measure(
        name="growth-rules",
        title="echo through an inline actor with rules, 50 clients, by number of rules",
        entrants=(_polite("3 rules", path="/echo-inline"), _polite("300 rules", path="/echo-300")),
        figures=(_CPU, Figure("rate", "messages/s", "count"), *COUNTED),
        take=_echo,
        targets=(Target("300 rules", "cpu", must=_FLAT, peer="3 rules", less=True),),
    ),
    Measure(
        name="growth-topics",
        title="publishing from the main thread to topics in turn, each with a subscriber (op=length)",
        entrants=tuple(
            Entrant(f"{topics:,} topic{'s' * (topics > 1)}", ZEFNB, clients=topics) for topics in (1, 100, 10_000)
        ),
        figures=(_CPU, Figure("rate", "handed on/s", "count")),
        take=_topics,
        targets=(Target("10,000 topics", "cpu", must=_FLAT, peer="1 topic", less=True),),
    ),
    Measure(
        name="growth-journal",
        title="echo through an inline actor with rules, 50 clients, with a journal that is empty or full",
        entrants=(_polite("journal empty", path="/echo-inline"), _polite("journal full", path="/echo-inline")),
        figures=(_CPU, Figure("rate", "messages/s", "count"), *COUNTED),
        take=_echo,
        targets=(Target("journal full", "cpu", must=_FLAT, peer="journal empty", less=True),),
    ),
)
