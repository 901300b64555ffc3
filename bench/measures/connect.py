"""How many clients per second can connect: TCP connections and handshakes, sixteen at a time."""

from __future__ import annotations

from bench.load import loading
from bench.machine import cpu_seconds
from bench.measure import Entrant, Figure, Measure, Sample, Settings
from bench.systems import AIOHTTP, PICOWS, WEBSOCKETS, ZEF, ZEFNB, Server, running
from bench.targets import Target

CLIENTS = 1000


def take(entrant: Entrant, settings: Settings) -> Sample:
    with running(entrant.system, without=entrant.without) as server:
        _gather(server, entrant.path, 20)  # the first ones load modules
        return _gather(server, entrant.path, CLIENTS)


def _gather(server: Server, path: str, clients: int) -> Sample:
    before = cpu_seconds(server.pid)
    with loading(server, "idle", path=path, clients=clients, batch=16, limit=30) as crowd:
        crowd.wait_until_ready(60)
        cpu = cpu_seconds(server.pid) - before
        crowd.leave()
        found = crowd.result()
    # In seconds per million, as everywhere: the same number as in microseconds each.
    return {"rate": clients / found["connect_seconds"], "cpu": cpu / clients * 1e6}


MEASURE = Measure(
    name="connect",
    title=f"{CLIENTS:,} clients connect, 16 handshakes at a time",
    entrants=(
        Entrant("zefnb topic", ZEFNB, path="/ws"),
        Entrant("zefnb actor", ZEFNB, path="/echo-inline"),
        *(Entrant(system.name, system) for system in (ZEF, PICOWS, WEBSOCKETS, AIOHTTP)),
    ),
    figures=(Figure("rate", "connections/s", "count", ratio=True), Figure("cpu", "CPU us each", ratio=True)),
    take=take,
    targets=(
        Target("zefnb topic", "rate", must=0.9, peer="websockets"),
        Target("zefnb actor", "rate", must=0.9, peer="websockets"),
    ),
)
