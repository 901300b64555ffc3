"""How many clients per second can come back: they resume their sessions, begin new ones, or have none."""

from __future__ import annotations

import json
import sys
from functools import partial

from bench import machine
from bench.machine import cpu_seconds
from bench.measure import Entrant, Figure, Measure, Sample, Settings
from bench.systems import ZEFNB, BenchError, Lines, Server, child, running
from bench.targets import Target

CLIENTS, SIZE = 1000, 64
KINDS = {
    "resumed, 10 missed": ("resume", 10),
    "resumed, none missed": ("resume", 0),
    "new session": ("hello", 0),
    "plain WebSocket": ("plain", 0),
}


def _return(server: Server, path: str, clients: int, kind: str, missed: int) -> Sample:
    """Let all clients connect, lose their connections, miss messages, and come back."""
    _, processor = machine.processors()
    options = (server.port, path, clients, kind, missed, SIZE)
    argv = [sys.executable, "-m", "bench.load.sessions", *map(str, options)]
    log = machine.BUILD / "sessions.log"
    with child(argv, {processor}, log) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        lines = Lines(process.stdout)
        _next(lines)
        if missed:
            server.command("publish_to_sockets", count=missed, size=SIZE)
        server.command("run", count=1)  # after this the loop has published all and closed the lost connections
        before = cpu_seconds(server.pid)
        process.stdin.write(b"\n")
        process.stdin.flush()
        found: Sample = json.loads(_next(lines))
        cpu = cpu_seconds(server.pid) - before
    if found["resumed"] != (clients if kind == "resume" else 0):
        raise BenchError(f"{found['resumed']:.0f} of {clients} sessions were resumed")
    return {
        "rate": clients / found["seconds"],
        "cpu": cpu / clients * 1e6,
        "lost": found["lost"],
        "wrong": found["wrong"],
        "busy": cpu / found["seconds"],
    }


def _next(lines: Lines) -> str:
    if (line := lines.next(60)) is None:
        raise BenchError("the clients stopped; see build/sessions.log")
    return line


def _take(entrant: Entrant, settings: Settings) -> Sample:
    kind, missed = KINDS[entrant.label]
    with running(entrant.system) as server:
        come_back = partial(_return, server, entrant.path, kind=kind, missed=missed)
        come_back(20)  # the first ones load modules
        return come_back(CLIENTS)


MEASURE = Measure(
    name="sessions",
    title=f"{CLIENTS:,} clients that have lost their connections come back, 16 handshakes at a time",
    entrants=tuple(Entrant(label, ZEFNB) for label in KINDS),
    figures=(
        Figure("rate", "clients/s", "count", ratio=True),
        Figure("cpu", "CPU us each", ratio=True),
        Figure("lost", "lost", "count", total=True),
        Figure("wrong", "wrong", "count", total=True),
        Figure("busy", "server", "percent"),
    ),
    take=_take,
    targets=(
        Target("resumed, none missed", "cpu", must=1.2, peer="new session", less=True),
        Target("resumed, none missed", "cpu", aim=3, peer="plain WebSocket", less=True),
        Target("resumed, 10 missed", "cpu", must=1.2, peer="resumed, none missed", less=True),
        Target("resumed, 10 missed", "lost", must=0, less=True),
        Target("resumed, 10 missed", "wrong", must=0, less=True),
    ),
    note="the clients are in Python, so the rate is theirs when the server's processor is not busy",
)
