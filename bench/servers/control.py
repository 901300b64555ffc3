"""The frame of every server program: print the port, serve the commands of the bench, and end with it."""

from __future__ import annotations

import json
import os
import resource
import select
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")
Command = Callable[..., dict[str, Any]]


class Control:
    """The connection to the bench: the port first, then one line of JSON per command.

    It alone writes to the real standard output. All other output (a handler's "client left") goes to
    standard error, so that it cannot mix with a reply or fill the pipe.
    """

    def __init__(self) -> None:
        self._replies = os.fdopen(os.dup(1), "w", buffering=1)
        os.dup2(2, 1)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, hard), hard))

    def serve(self, port: int, commands: Mapping[str, Command]) -> None:
        """Print `port`, then reply to commands until standard input ends, which happens when the bench ends."""
        print(port, file=self._replies)
        for line in sys.stdin:
            order = json.loads(line)
            try:
                reply: dict[str, Any] = commands[order.pop("do")](**order)
            except Exception as error:
                reply = {"error": f"{type(error).__name__}: {error}"}
            print(json.dumps(reply), file=self._replies)


def numbered_messages(count: int, size: int) -> list[str]:
    """Yield messages as the load generator expects them from sender 0 (see load/track.h)."""
    padding = "." * (size - 8)
    return [f"000{_digits(sequence)}{padding}" for sequence in range(count)]


def _digits(value: int) -> str:
    return "".join(chr(48 + (value >> shift & 63)) for shift in (24, 18, 12, 6, 0))


def clocked(call: Callable[[], T]) -> tuple[T, float]:
    """Return the result of `call`, and the seconds that it took."""
    begin = time.perf_counter()
    reply = call()
    return reply, time.perf_counter() - begin


def timed(call: Callable[[], object], count: int) -> dict[str, float]:
    """Return the median and the 99th percentile of `count` calls, in microseconds."""
    clock = time.perf_counter_ns
    for _ in range(max(count // 10, 1)):
        call()
    spans = []
    for _ in range(count):
        begin = clock()
        call()
        spans.append(clock() - begin)
    spans.sort()
    return {"p50_us": spans[count // 2] / 1e3, "p99_us": spans[count * 99 // 100] / 1e3}


def compute(seconds: float, after: float) -> dict[str, Any]:
    """Run a loop of pure Python, as a busy cell, and return its round counts over time, some hundred a second.

    It starts `after` seconds from now, and ends at the next command or after `seconds`.
    """
    time.sleep(after)
    turns, odd = 0, 0
    now = marked = begin = time.monotonic()
    marks = [(now, 0)]
    while now - begin < seconds:
        for number in range(1000):
            odd += number & 1
        turns += 1
        now = time.monotonic()
        if now - marked > 0.005:
            marks.append((now, turns))
            marked = now
            if select.select([sys.stdin], [], [], 0)[0]:
                break
    return {"marks": marks}


def publish_all(publish: Callable[[str], object], count: int, size: int, pause: float = 0) -> dict[str, float]:
    """Publish `count` numbered messages, as fast as possible or with pauses; return the start and the cost."""
    messages = numbered_messages(count, size)
    begin, cpu = time.monotonic(), time.process_time()
    for message in messages:
        publish(message)
        if pause:
            time.sleep(pause)
    return {"begin": begin, "accepting": time.monotonic() - begin, "cpu_at_begin": cpu}


def publish_for(publish: Callable[[str], object], flush: Callable[[], object], seconds: float) -> dict[str, float]:
    """Publish for `seconds`; `flush` returns when all messages accepted before have been delivered."""
    message = "." * 64
    count, begin, cpu = 0, time.monotonic(), time.process_time()
    while time.monotonic() - begin < seconds:
        for _ in _batches:
            publish(message)
        count += len(_batches)
    accepted = time.monotonic() - begin
    flush()
    passed = time.monotonic() - begin
    return {"count": count, "accepted": accepted, "passed": passed, "cpu": time.process_time() - cpu}


_batches = range(500)
