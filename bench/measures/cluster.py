"""Messages from one node of a cluster to another, through one broker."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from attacks.brokers import broker
from bench.machine import cpu_seconds
from bench.measure import Entrant, Figure, Measure, Sample, Settings
from bench.systems import SOCKETIO, ZEFNB_NODE, Server, running
from bench.targets import Target

_SIZE = 64


@contextmanager
def two_nodes(entrant: Entrant) -> Iterator[tuple[Server, Server]]:
    """A node that sends and one that receives, joined at a broker of their own."""
    names = (f"{entrant.system.name}-a", f"{entrant.system.name}-b")
    first, second = (running(replace(entrant.system, name=name), everywhere=True) for name in names)
    with broker() as made, first as sender, second as receiver:
        for node in (sender, receiver):
            node.command("join", url=made.url)
        yield sender, receiver


def _rate(kind: str, entrant: Entrant, settings: Settings) -> Sample:
    """Send ever more messages until they take the wanted time."""
    count = 500
    with two_nodes(entrant) as (sender, receiver):
        while True:
            began, cpu = time.perf_counter(), cpu_seconds(sender.pid) + cpu_seconds(receiver.pid)
            sender.command(kind, count=count, size=_SIZE)
            receiver.command("wait", count=count)
            took = time.perf_counter() - began
            cpu = cpu_seconds(sender.pid) + cpu_seconds(receiver.pid) - cpu
            if took >= settings.seconds:
                return {"rate": count / took, "cpu": cpu / count * 1e6}
            count *= 2


def _delay(entrant: Entrant, settings: Settings) -> Sample:
    with two_nodes(entrant) as (sender, receiver):
        sender.command("timed", count=20)
        receiver.command("p50")
        sender.command("timed", count=max(round(settings.seconds * 300), 50))
        return {"p50": receiver.command("p50")["p50"] * 1e6}


_OURS, _PEER = Entrant("zefnb", ZEFNB_NODE), Entrant("python-socketio", SOCKETIO)
_RATES = (
    Figure("rate", "messages/s", "count", ratio=True),
    Figure("cpu", "CPU s/million", ratio=True),
)

MEASURES = (
    Measure(
        name="cluster-burst",
        title="messages of 64 bytes from node to node, as fast as possible, with an append-only file",
        entrants=(_OURS, _PEER),
        figures=_RATES,
        take=partial(_rate, "burst"),
        targets=(
            Target("zefnb", "rate", must=8, aim=15, peer="python-socketio"),
            Target("zefnb", "rate", must=20e3),
        ),
        note="zefnb: lists of 500, accepted by the broker; python-socketio: its Redis manager, without clients",
    ),
    Measure(
        name="cluster-single",
        title="single messages from node to node, by a coroutine on the node's loop that waits for each",
        entrants=(_OURS, _PEER),
        figures=_RATES,
        take=partial(_rate, "single"),
        targets=(Target("zefnb", "rate", must=1, peer="python-socketio"),),
    ),
    Measure(
        name="cluster-single-thread",
        title="the same from another thread, as in a cell of a notebook",
        entrants=(_OURS, _PEER),
        figures=_RATES,
        take=partial(_rate, "single_from_thread"),
        targets=(Target("zefnb", "rate", must=1, peer="python-socketio"),),
    ),
    Measure(
        name="cluster-delay",
        title="from FX.Publish on one node to the op of a subscriber on another",
        entrants=(_OURS, Entrant("XADD to XREAD", SOCKETIO)),
        figures=(Figure("p50", "p50 us", ratio=True),),
        take=_delay,
        targets=(Target("zefnb", "p50", must=1.5, peer="XADD to XREAD", less=True),),
        note="XADD to XREAD: redis-py on asyncio, without any encoding or check",
    ),
)
