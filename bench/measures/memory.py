"""The memory of an idle connection: resident memory with 1,000 or 10,000 of them, minus that with none."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack

from bench.load import loading
from bench.machine import resident_bytes
from bench.measure import Entrant, Figure, Measure, Sample, Settings
from bench.systems import PICOWS, WEBSOCKETS, ZEF, ZEFNB, Server, running
from bench.targets import Target

_EVENTS = "/events"


def _hold(server: Server, path: str, clients: int) -> float:
    """Connect, wait a moment, and return the memory that the server then has."""
    with loading(server, "idle", path=path, clients=clients, limit=60, batch=16) as load:
        load.wait_until_ready(60)
        time.sleep(0.5)
        resident = resident_bytes(server.pid)
        load.leave()
        load.result()
    time.sleep(0.2)
    return resident


def _hold_streams(server: Server, path: str, clients: int) -> float:
    """Open event streams, and return the memory that the server then has."""
    with ExitStack() as stack:
        for _ in range(clients):
            stream = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            stream.sendall(b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % path.encode())
            head = b""
            while b"\r\n\r\n" not in head:
                head += stream.recv(4096)
        time.sleep(0.5)
        resident = resident_bytes(server.pid)
    time.sleep(0.2)
    return resident


def _take(entrant: Entrant, settings: Settings) -> Sample:
    with running(entrant.system) as server:
        hold = _hold_streams if entrant.path == _EVENTS else _hold
        hold(server, entrant.path, 10)  # the first connections load modules
        before = resident_bytes(server.pid)
        return {"kb": (hold(server, entrant.path, entrant.clients) - before) / entrant.clients / 1024}


MEASURE = Measure(
    name="memory",
    title="idle memory per connection",
    entrants=(
        Entrant("zefnb topic", ZEFNB, path="/ws", clients=1000),
        Entrant("zefnb topic, 10,000", ZEFNB, path="/ws", clients=10_000),
        Entrant("zefnb actor", ZEFNB, path="/echo", clients=1000),
        Entrant("zefnb actor, 10,000", ZEFNB, path="/echo", clients=10_000),
        Entrant("zefnb event stream", ZEFNB, path=_EVENTS, clients=1000),
        *(Entrant(system.name, system, clients=1000) for system in (ZEF, PICOWS, WEBSOCKETS)),
    ),
    figures=(Figure("kb", "KB per connection", ratio=True),),
    take=_take,
    slow=True,
    targets=(
        Target("zefnb topic", "kb", must=12, aim=8, less=True),
        Target("zefnb actor", "kb", must=16, aim=10, less=True),
        Target("zefnb event stream", "kb", must=1.2, peer="zefnb topic", less=True),
        Target("zefnb topic, 10,000", "kb", must=1.2, peer="zefnb topic", less=True),
        Target("zefnb actor, 10,000", "kb", must=1.2, peer="zefnb actor", less=True),
    ),
    note="1,000 connections unless the row has another number",
)
