"""Import time beyond that of bare Python, in new processes."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time

from bench.machine import ROOT, environment
from bench.measure import Entrant, Figure, Measure, Sample, Settings
from bench.systems import PICOWS, WEBSOCKETS, ZEF, ZEFNB, BenchError
from bench.targets import Target

RUNS_PER_ROUND = 2  # ten runs in five rounds


def _milliseconds(code: str) -> tuple[float, float]:
    """Return the wall-clock and CPU time of a Python process that runs `code`, in milliseconds."""
    cpu, begin = _cpu_of_children(), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=30
    )
    if done.returncode:
        raise BenchError(f"'{code}' fails: {done.stderr.strip().splitlines()[-1]}")
    return (time.perf_counter() - begin) * 1e3, (_cpu_of_children() - cpu) * 1e3


def _cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _take(entrant: Entrant, settings: Settings) -> Sample:
    if absent := entrant.system.missing():
        raise BenchError(f"{entrant.system.name} is not installed: install {', '.join(absent)}")
    _milliseconds(entrant.code)  # writes the bytecode and fills the page cache
    pairs = [(_milliseconds(entrant.base), _milliseconds(entrant.code)) for _ in range(RUNS_PER_ROUND)]
    return {
        "ms": statistics.median(taken[0] - bare[0] for bare, taken in pairs),
        "cpu": statistics.median(taken[1] - bare[1] for bare, taken in pairs),
    }


_SHELL = "from IPython.core.interactiveshell import InteractiveShell as S; s = S.instance()"

MEASURE = Measure(
    name="import",
    title="import time over bare Python; %load_ext over an IPython shell",
    entrants=(
        Entrant("import zefnb", ZEFNB, code="import zefnb"),
        Entrant("from zefnb import *", ZEFNB, code="from zefnb import *"),
        Entrant("%load_ext zefnb", ZEFNB, base=_SHELL, code=f"{_SHELL}; s.run_line_magic('load_ext', 'zefnb')"),
        Entrant("from zef import *", ZEF, code="from zef import *"),
        Entrant("websockets server", WEBSOCKETS, code="import asyncio, websockets.asyncio.server"),
        Entrant("picows and uvloop", PICOWS, code="import asyncio, picows, uvloop"),
    ),
    figures=(Figure("ms", "ms", ratio=True), Figure("cpu", "CPU ms", ratio=True)),
    take=_take,
    targets=(
        Target("from zefnb import *", "ms", must=100, less=True),
        Target("%load_ext zefnb", "ms", must=300, less=True),
    ),
)
