"""A page's start: a heading and a chart of 100 numbers, until its document and its first live message are there."""

from __future__ import annotations

import json
import sys

from bench import machine
from bench.machine import cpu_seconds
from bench.measure import Entrant, Figure, Measure, Sample, Settings
from bench.systems import GRADIO, NICEGUI, ZEFNB, BenchError, Lines, child, running
from bench.targets import Target

VISITS = 30


def _take(entrant: Entrant, settings: Settings) -> Sample:
    _, processor = machine.processors()
    with running(entrant.system) as server:
        port = server.command("serve_page")["port"]
        argv = [sys.executable, "-m", "bench.load.visitor", str(port), entrant.system.name, str(VISITS)]
        with child(argv, {processor}, machine.BUILD / "visitor.log") as process:
            assert process.stdin is not None
            assert process.stdout is not None
            lines = Lines(process.stdout)
            _next(lines)
            before = cpu_seconds(server.pid)
            process.stdin.write(b"\n")
            process.stdin.flush()
            found: Sample = json.loads(_next(lines))
            cpu = cpu_seconds(server.pid) - before
    return {**found, "cpu": cpu / VISITS * 1e3}


def _next(lines: Lines) -> str:
    if (line := lines.next(60)) is None:
        raise BenchError("a visit failed; see build/visitor.log")
    return line


# NiceGUI takes part if it is installed: pyproject.toml gives the reason.
_PEERS = (GRADIO, *(() if NICEGUI.missing() else (NICEGUI,)))

MEASURE = Measure(
    name="page",
    title="a visit of a page with a heading and a chart of 100 numbers",
    entrants=tuple(Entrant(system.name, system, path="/") for system in (ZEFNB, *_PEERS)),
    figures=(
        Figure("document_ms", "document, ms", ratio=True),
        Figure("first_ms", "first message, ms", ratio=True),
        Figure("cpu", "CPU ms", ratio=True),
        Figure("document_kb", "document, KB"),
        Figure("files", "files it names", "count"),
        Figure("all_kb", "with these, KB"),
    ),
    take=_take,
    targets=(
        Target("zefnb", "all_kb", must=100, less=True),
        Target("zefnb", "cpu", must=1, peer="gradio", less=True),
    ),
    note="first message: zefnb's with the numbers; the result of gradio's function, over its event stream; NiceGUI's "
    "Socket.IO handshake, as its document has the numbers. Files that scripts load when they run are not counted",
)
