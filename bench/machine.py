"""The machine: which processor serves and which one loads, and what a reader must know of it."""

from __future__ import annotations

import os
import platform
import sys
import time
from datetime import datetime
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "bench" / "build"


def processors() -> tuple[int, int]:
    """The processor for the server and the one for the load; the same one if there is no other."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[-1], allowed[0]


def pin(pid: int, processor: int) -> None:
    """Keep a process that was just started, and the threads it will start, on one processor."""
    os.sched_setaffinity(pid, {processor})


def cpu_seconds(pid: int) -> float:
    """CPU time of a process to the nanosecond, all its threads included, ended ones too."""
    # What clock_getcpuclockid(3) computes; /proc/PID/stat would count in ticks of 10 ms.
    return time.clock_gettime(~pid << 3 | 2)


def resident_bytes(pid: int) -> int:
    """Memory of a process that is in RAM."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def describe() -> list[str]:
    """What the figures depend on, a line each."""
    server, load = processors()
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    versions = ", ".join(f"{name} {_version(name)}" for name in ("websockets", "picows", "aiofastnet", "uvloop"))
    return [
        f"{datetime.now():%Y-%m-%d %H:%M}, {model}, Linux {platform.release()}, Python {sys.version.split()[0]}",
        f"{versions}; server on processor {server}, load on processor {load}",
    ]


def warnings() -> list[str]:
    """What spoils the figures before they are taken."""
    found = []
    server, load = processors()
    if server == load:
        found.append("only one processor: server and load share it, so rates are far below the truth")
    busy = os.getloadavg()[0]
    if busy > 0.5:
        found.append(f"the machine is busy with other things (load {busy:.1f}): trust ratios, not rates")
    return found


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "MISSING"
