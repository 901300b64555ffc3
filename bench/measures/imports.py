"""Import time over bare Python, in fresh processes."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from bench.machine import ROOT
from bench.measure import Entrant, Figure, Measure, Sample, Settings
from bench.systems import PICOWS, WEBSOCKETS, ZEFNB, BenchError

RUNS_PER_ROUND = 2  # ten runs in five rounds


def _seconds(code: str) -> float:
    begin = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=30)
    if done.returncode:
        raise BenchError(f"'{code}' fails: {done.stderr.strip().splitlines()[-1]}")
    return time.perf_counter() - begin


def _take(entrant: Entrant, settings: Settings) -> Sample:
    if absent := entrant.system.missing():
        raise BenchError(f"{entrant.system.name} is not there: install {', '.join(absent)}")
    _seconds(entrant.code)  # compile what is not yet compiled, and fill the page cache
    pairs = [(_seconds("pass"), _seconds(entrant.code)) for _ in range(RUNS_PER_ROUND)]
    return {"ms": statistics.median(taken - bare for bare, taken in pairs) * 1000}


MEASURE = Measure(
    name="import",
    title="import time over bare Python",
    entrants=(
        Entrant("import zefnb", ZEFNB, code="import zefnb"),
        Entrant("from zefnb import *", ZEFNB, code="from zefnb import *"),
        Entrant("websockets server", WEBSOCKETS, code="import asyncio, websockets.asyncio.server"),
        Entrant("picows and uvloop", PICOWS, code="import asyncio, picows, uvloop"),
    ),
    figures=(Figure("ms", "ms", ratio=True),),
    take=_take,
)
