"""The measurements of `FX.PublishAll` and of replays, in the process of zefnb."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterator
from typing import Any

from zefnb import ET, FX, generate_uid, run, zef_function

_SIZE = 64


def query() -> Any:
    """Return when everything before has been delivered."""
    return FX.ListTimers() | run


def _messages(kind: str, count: int) -> list[Any]:
    if kind == "rows":
        return [{"number": number, "celsius": number / 7, "city": "Oslo"} for number in range(count)]
    return [str(number).ljust(_SIZE, ".") for number in range(count)]


def publish_many(target: Any, at_once: bool, kind: str, count: int) -> dict[str, float]:
    """Publish `count` messages one by one, or all with one effect."""
    messages = _messages(kind, count)
    begin, cpu = time.monotonic(), time.process_time()
    if at_once:
        FX.PublishAll(target=target, contents=messages) | run
    else:
        for message in messages:
            FX.Publish(target=target, content=message) | run
    accepted = time.monotonic() - begin
    query()
    passed = time.monotonic() - begin
    return {"accepted": accepted, "passed": passed, "cpu": time.process_time() - cpu}


def replay(kind: str, count: int) -> dict[str, float]:
    """Replay `count` messages without pauses to one subscriber, and count those that are not in order."""
    target, received = ET.Topic(generate_uid()), itertools.count()
    wrong = 0

    @zef_function(inline=True)
    def check(message: Any, state: Any) -> Any:
        nonlocal wrong
        wrong += message["number"] != next(received)
        return [[], state]

    actor = FX.StartActor(input=target, initial_state=None, handler=check) | run
    rows = _messages("rows", count)
    source = _sources(kind, rows, target)
    begin = time.monotonic()
    FX.StartReplay(source=source, target=target, speed="max", wait=True) | run
    seconds = time.monotonic() - begin
    query()
    FX.StopActor(actor=actor) | run
    return {"seconds": seconds, "wrong": wrong + abs(count - next(received))}


def _sources(kind: str, rows: list[Any], target: Any) -> Any:
    if kind == "generator":
        return (row for row in rows)
    if kind == "recording":
        recorded = ET.Topic(generate_uid())
        tape = FX.StartRecording(topics=[recorded]) | run
        FX.PublishAll(target=recorded, contents=rows) | run
        FX.StopRecording(recording=tape) | run
        return tape
    return rows


def replay_pauses(count: int) -> dict[str, float]:
    """Replay messages with pauses of 1 to 20 ms, and return how much each pause differed, in milliseconds."""
    target, times = ET.Topic(generate_uid()), []

    @zef_function(inline=True)
    def clock(message: Any, state: Any) -> Any:
        times.append(time.monotonic())
        return [[], state]

    actor = FX.StartActor(input=target, initial_state=None, handler=clock) | run
    rows = [{"at": at} for at in itertools.islice(_moments(), count)]
    FX.StartReplay(source=rows, target=target, time="at", wait=True) | run
    query()
    FX.StopActor(actor=actor) | run
    return _errors(rows, times)


def sleep_pauses(count: int) -> dict[str, float]:
    """Sleep until the same moments, without zefnb, to measure what the machine itself adds."""
    rows, times = [{"at": at} for at in itertools.islice(_moments(), count)], []
    begin = time.monotonic()
    for row in rows:
        time.sleep(max(0.0, begin + row["at"] - time.monotonic()))
        times.append(time.monotonic())
    return _errors(rows, times)


def _errors(rows: list[dict[str, float]], times: list[float]) -> dict[str, float]:
    pauses = [after["at"] - before["at"] for before, after in itertools.pairwise(rows)]
    found = sorted(
        abs(after - before - pause) * 1e3
        for (before, after), pause in zip(itertools.pairwise(times), pauses, strict=True)
    )
    return {"median": found[len(found) // 2], "p99": found[int(len(found) * 0.99)], "worst": found[-1]}


def _moments() -> Iterator[float]:
    chance, at = random.Random(16), 0.0
    while True:
        yield at
        at += chance.uniform(0.001, 0.020)
