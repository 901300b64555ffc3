"""The machine: the processors of the server and of the load, and its facts for the reader."""

from __future__ import annotations

import contextlib
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
    """Return the processor of the server and that of the load; the same one if there is no other."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[-1], allowed[0]


def pin(pid: int, processors: set[int]) -> None:
    """Pin a new process, and the threads that it will start, to these processors."""
    os.sched_setaffinity(pid, processors)


def pin_all(pid: int, processors: set[int]) -> None:
    """Pin a running process, with all its threads, to these processors."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(ProcessLookupError):  # it has ended
            os.sched_setaffinity(int(task.name), processors)


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process in nanosecond resolution, with all its threads, ended ones included."""
    # As clock_getcpuclockid(3) computes it; /proc/PID/stat counts in ticks of 10 ms.
    return time.clock_gettime(~pid << 3 | 2)


def thread_seconds(pid: int) -> dict[int, float]:
    """Return the CPU time of each running thread of a process, by its id."""
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):  # it has ended
            found[int(task.name)] = int((task / "schedstat").read_text().split()[0]) / 1e9
    return found


def resident_bytes(pid: int) -> int:
    """Return the resident memory of a process, in bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


class OtherLoad:
    """The processor time that other processes and other machines of the host used."""

    def __init__(self) -> None:
        self._begin, self._busy, self._ours = time.monotonic(), _busy_seconds(), _our_seconds()

    @property
    def processors(self) -> float:
        """The number of processors that they used since the start, on average."""
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
    """Return the environment of measured Python processes: bytecode is kept, in a folder of the bench.

    Where PYTHONDONTWRITEBYTECODE is set (containers, CI), each process would compile our modules again,
    while pip has compiled those of the peers. This would triple our import time.
    """
    own = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**own, "PYTHONPYCACHEPREFIX": str(BUILD / "pycache")}


def describe() -> list[str]:
    """Return what the figures depend on, in lines."""
    server, load = processors()
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    versions = ", ".join(
        f"{name} {_version(name)}" for name in ("zef", "picows", "uvloop", "websockets", "aiohttp", "starlette")
    )
    return [
        f"{datetime.now():%Y-%m-%d %H:%M}, {model}, Linux {platform.release()}, Python {sys.version.split()[0]}",
        f"{versions}; server on processor {server}, load on processor {load}",
    ]


def warnings() -> list[str]:
    """Return the reasons why figures of this machine are not reliable, in lines."""
    found = []
    server, load = processors()
    if server == load:
        found.append("only one processor: server and load share it, so rates are much too low")
    busy = os.getloadavg()[0]
    if busy > 0.5:
        found.append(f"the machine has other load ({busy:.1f}): trust ratios, not rates")
    return found


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "MISSING"
