"""How long a server takes to start, from the call until its port is bound: the first of a process, and the next."""

from __future__ import annotations

import subprocess
import sys

from bench.machine import ROOT, environment
from bench.measure import Entrant, Figure, Measure, Sample, Settings
from bench.systems import PICOWS, WEBSOCKETS, ZEF, ZEFNB, BenchError, running
from bench.targets import Target

# Two cells with a moment between them, in which zefnb imports modules ahead.
_NOTEBOOK = """
import threading
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_cell("from zefnb import *").raise_error()
[thread.join() for thread in threading.enumerate() if thread.name == "zefnb loads ahead"]
start = "FX.StartHTTPServer(routes={'/ws': ET.WebSocket(clients_subscribe_to=[ET.Topic('chat')])}, port=0) | run"
for _ in range(2):
    shell.run_cell(f"from time import perf_counter as now; began = now(); {start}; took = now() - began").raise_error()
    print(shell.user_ns["took"] * 1000)
"""


def _take(entrant: Entrant, settings: Settings) -> Sample:
    if entrant.code:
        return _take_in_notebook(entrant.code)
    with running(entrant.system):
        pass  # once before, so that all modules have bytecode
    with running(entrant.system) as server:
        first = server.command("started")["seconds"]
        return {"first": first * 1000, "next": server.command("start_another")["seconds"] * 1000}


def _take_in_notebook(code: str) -> Sample:
    command = [sys.executable, "-c", code]
    for _ in range(2):  # the first start is not measured here, either
        done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=30)
    if done.returncode:
        raise BenchError(f"the cells fail: {done.stderr.strip().splitlines()[-1]}")
    first, following = map(float, done.stdout.split())
    return {"first": first, "next": following}


MEASURE = Measure(
    name="start",
    title="starting a server: the first of its process, imports on demand included, and the next",
    entrants=(
        Entrant("zefnb in a notebook", ZEFNB, code=_NOTEBOOK),
        *(Entrant(system.name, system) for system in (ZEFNB, ZEF, PICOWS, WEBSOCKETS)),
    ),
    figures=(Figure("first", "first, ms", ratio=True), Figure("next", "next, ms", ratio=True)),
    take=_take,
    targets=(
        Target("zefnb in a notebook", "first", must=50, less=True),
        Target("zefnb", "next", must=50, less=True),
        Target("zefnb", "first", must=50, less=True),
    ),
    note="peers have imported everything before; zefnb imports its network code when a server starts, "
    "in a notebook after the cell that imports zefnb",
)
