"""The cost of a recording: a broadcast whose messages are recorded in memory or to disk, and are not, in turn."""

from __future__ import annotations

import time
from functools import partial
from statistics import median

from bench import machine
from bench.load import loading
from bench.measure import Entrant, Figure, Measure, Sample, Settings
from bench.systems import ZEFNB, BenchError, Server, running
from bench.targets import Target

CLIENTS = 100
# A server's rate differs from the next one's by more than a recording costs, so each pair is of one server.
PAIRS = 6
_SPAN = 0.3
_SETTLE = 0.1
# For the start and the end of a recording.
_CHANGE = 1.0
_PLACES = {"recorded": "memory", "recorded to disk": "disk"}


def take(entrant: Entrant, settings: Settings, window: int) -> Sample:
    """Take one sample of a broadcast. `unrecorded` is the number of messages that arrived without a row."""
    pairs = PAIRS // 3 if settings.quick else PAIRS
    seconds = settings.warm + pairs * 2 * (_SPAN + _SETTLE + _CHANGE)
    with running(entrant.system) as server:
        thread = server.command("loop_thread")["thread"]
        with loading(server, "fanout", clients=CLIENTS, window=window, batch=16, seconds=seconds) as load:
            time.sleep(settings.warm + 0.5)
            found = [_pair(server, thread, _PLACES[entrant.label], bool(turn % 2)) for turn in range(pairs)]
            result = load.result()
    before, after = ([pair[at] for pair in found] for at in (0, 1))
    return {
        "rate": median(each["rate"] for each in after) * CLIENTS,
        "kept": _ratio(after, before, "rate"),
        "loop": _ratio(after, before, "loop_us"),
        "cpu": _ratio(after, before, "cpu_us"),
        "more_us": median(now["loop_us"] - then["loop_us"] for then, now in found),
        "lost": result["lost"],
        "unrecorded": sum(each["unrecorded"] for each in after),
    }


def _pair(server: Server, thread: int, place: str, is_reversed: bool) -> tuple[Sample, Sample]:
    """Return a span without and a span with a recording."""
    if is_reversed:
        recorded = _recorded(server, thread, place)
        return _span(server, thread), recorded
    return _span(server, thread), _recorded(server, thread, place)


def _recorded(server: Server, thread: int, place: str) -> Sample:
    server.command("record", where=place)
    found = _span(server, thread)
    rows = server.command("stop_recording")["rows"]
    return {**found, "unrecorded": max(0.0, found["messages"] - rows)}


def _span(server: Server, thread: int) -> Sample:
    time.sleep(_SETTLE)
    began, published, used = _counts(server)
    time.sleep(_SPAN)
    ended, published_then, used_then = _counts(server)
    messages = published_then - published
    if not messages:
        raise BenchError("the load ended before the last span")
    spent = {each: seconds - used.get(each, 0) for each, seconds in used_then.items()}
    return {
        "messages": messages,
        "rate": messages / (ended - began),
        "loop_us": spent[thread] / messages * 1e6,
        "cpu_us": sum(spent.values()) / messages * 1e6,
    }


def _counts(server: Server) -> tuple[float, int, dict[int, float]]:
    published = server.command("published")["messages"]
    return time.monotonic(), published, machine.thread_seconds(server.pid)


def _ratio(after: list[Sample], before: list[Sample], key: str) -> float:
    return median(now[key] / then[key] for then, now in zip(before, after, strict=True))


MEASURES = tuple(
    Measure(
        name=f"record-{window}",
        title=f"64 bytes to {CLIENTS} clients, {window} in flight, while they are recorded ÷ while they are not",
        entrants=tuple(Entrant(label, ZEFNB) for label in _PLACES),
        figures=(
            Figure("rate", "deliveries/s", "count"),
            Figure("kept", "rate kept"),
            Figure("loop", "time on the loop"),
            # The rest is that of the thread that writes to disk.
            Figure("cpu", "CPU time"),
            Figure("more_us", "us more on the loop"),
            Figure("lost", "lost", "count", total=True),
            Figure("unrecorded", "unrecorded", "count", total=True),
        ),
        take=partial(take, window=window),
        slow=True,
        targets=tuple(
            target
            for label in _PLACES
            for target in (
                Target(label, "kept", must=0.9),
                Target(label, "loop", must=1.1, less=True),
                Target(label, "lost", must=0, less=True),
                Target(label, "unrecorded", must=0, less=True),
            )
        ),
    )
    for window in (1, 50)
)
