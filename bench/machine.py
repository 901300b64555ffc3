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


def pin(pid: int, processors: set[int]) -> None:
    """Keep a process that was just started, and the threads it will start, on these processors."""
    os.sched_setaffinity(pid, processors)


def cpu_seconds(pid: int) -> float:
    """CPU time of a process to the nanosecond, all its threads included, ended ones too."""
    # What clock_getcpuclockid(3) computes; /proc/PID/stat would count in ticks of 10 ms.
    return time.clock_gettime(~pid << 3 | 2)


def resident_bytes(pid: int) -> int:
    """Memory of a process that is in RAM."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


class Bystanders:
    """How much of the processors went to processes that are none of ours, and to other machines of the host."""

    def __init__(self) -> None:
        self._begin, self._busy, self._ours = time.monotonic(), _busy_seconds(), _our_seconds()

    @property
    def processors(self) -> float:
        """How many processors they kept busy since the start, on average."""
        theirs = _busy_seconds() - self._busy - (_our_seconds() - self._ours)
        return max(theirs, 0) / (time.monotonic() - self._begin)


def _busy_seconds() -> float:
    """Seconds all processors were not idle: user, nice, system, irq, softirq, and stolen by the host."""
    user, nice, system, _, _, *rest = (
        int(ticks) for ticks in Path("/proc/stat").read_text().split("\n")[0].split()[1:]
    )
    return (user + nice + system + sum(rest[:3])) / os.sysconf("SC_CLK_TCK")


def _our_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def environment() -> dict[str, str]:
    """What measured Python processes run under: compiled modules are kept, in a place of our own.

    Where PYTHONDONTWRITEBYTECODE is set (containers, CI), our modules would be compiled anew in
    each process while installed peers have been compiled by pip, which triples our import time.
    """
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": str(BUILD / "pycache")}


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
    versions = ", ".join(f"{name} {_version(name)}" for name in ("zef", "picows", "uvloop", "websockets", "aiohttp"))
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
