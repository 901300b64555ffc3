"""A stall meter: a process that only wakes up every 2 ms, and reports the machine's own delay.

No server on this machine can be faster than that, so promises about milliseconds are judged without it.
"""

from __future__ import annotations

import json
import select
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from bench import machine
from bench.systems import Lines, child

_BEAT = 0.002


@dataclass
class Stalls:
    """The machine's own delay in milliseconds, on the worse of the two processors."""

    worst: float = 0.0
    p99: float = 0.0


@contextmanager
def stall_meters() -> Iterator[Stalls]:
    """Run one on each processor during the block; the figures are available afterwards."""
    stalls = Stalls()
    with ExitStack() as stack:
        processes = []
        for processor in sorted(set(machine.processors())):
            log = machine.BUILD / f"stall-meter-{processor}.log"
            process = stack.enter_context(child([sys.executable, "-m", "attacks.stall_meter"], {processor}, log))
            assert process.stdout is not None
            lines = Lines(process.stdout)
            processes.append((process, lines))
            lines.next(20)
        yield stalls
        for process, lines in processes:
            assert process.stdin is not None
            process.stdin.close()
            found = json.loads(lines.next(20) or "{}")
            stalls.worst = max(stalls.worst, found.get("worst", 0.0))
            stalls.p99 = max(stalls.p99, found.get("p99", 0.0))


def beat() -> dict[str, float]:
    """Wake up again and again until standard input ends."""
    late, woken = [], time.perf_counter()
    while not select.select([sys.stdin], [], [], _BEAT)[0]:
        before, woken = woken, time.perf_counter()
        late.append((woken - before - _BEAT) * 1e3)
    late.sort()
    return {"worst": late[-1], "p99": late[len(late) * 99 // 100]} if late else {}


if __name__ == "__main__":
    print("ready", flush=True)
    print(json.dumps(beat()), flush=True)
