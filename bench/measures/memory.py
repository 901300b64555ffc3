"""What an idle connection costs: resident memory with 1,000 of them, less that with none."""

from __future__ import annotations

import time

from bench.load import loading
from bench.machine import resident_bytes
from bench.measure import Entrant, Figure, Measure, Sample, Settings
from bench.systems import PICOWS, WEBSOCKETS, ZEFNB, Server, running

CLIENTS = 1000


def _hold(server: Server, path: str, clients: int) -> float:
    """Connect, let things settle, and answer the memory that the server then has."""
    with loading(server, "idle", path=path, clients=clients, limit=30) as load:
        load.wait_until_ready()
        time.sleep(0.5)
        resident = resident_bytes(server.pid)
        load.leave()
        load.result()
    time.sleep(0.2)
    return resident


def _take(entrant: Entrant, settings: Settings) -> Sample:
    with running(entrant.system) as server:
        _hold(server, entrant.path, 10)  # what the first connections load is not theirs
        before = resident_bytes(server.pid)
        return {"kb": (_hold(server, entrant.path, CLIENTS) - before) / CLIENTS / 1024}


MEASURE = Measure(
    name="memory",
    title=f"idle memory per connection, {CLIENTS:,} connections",
    entrants=(
        Entrant("zefnb topic", ZEFNB, path="/ws"),
        Entrant("zefnb actor", ZEFNB, path="/echo"),
        Entrant("picows", PICOWS),
        Entrant("websockets", WEBSOCKETS),
    ),
    figures=(Figure("kb", "KB per connection", ratio=True),),
    take=_take,
)
