"""Publishing from the main thread to 100 sockets: a burst, timed until the last client has the last message."""

from __future__ import annotations

from bench.load import loading
from bench.machine import cpu_seconds
from bench.measure import Entrant, Figure, Measure, Sample, Settings
from bench.systems import PICOWS, WEBSOCKETS, ZEF, ZEFNB, Server, running
from bench.targets import Target

CLIENTS, SIZE = 100, 64
FEWEST, MOST = 300, 100_000


def _burst(server: Server, count: int) -> Sample:
    with loading(server, "receive", clients=CLIENTS, size=SIZE, count=count, limit=30) as load:
        load.wait_until_ready()
        begun = server.command("publish_to_sockets", count=count, size=SIZE)
        found = load.result()
        cpu = cpu_seconds(server.pid) - begun["cpu_at_begin"]
    received = found["expected"] - found["lost"]
    return {
        "rate": received / (found["last"] - begun["begin"]),  # both clocks are CLOCK_MONOTONIC
        "cpu": cpu / max(received, 1) * 1e6,
        "lost": found["lost"],
        "doubled": found["doubled"],
        "wrong": found["reordered"] + found["garbled"],
    }


def _take(entrant: Entrant, settings: Settings) -> Sample:
    with running(entrant.system) as server:
        # A short burst first, to warm up, and to find a length that takes each system about the same time.
        guess = _burst(server, FEWEST)["rate"] / CLIENTS * settings.seconds
        return _burst(server, int(min(max(guess, FEWEST), MOST)))


MEASURE = Measure(
    name="publish-sockets",
    title=f"publishing from the main thread to {CLIENTS} sockets, {SIZE} bytes",
    entrants=tuple(Entrant(system.name, system) for system in (ZEFNB, ZEF, PICOWS, WEBSOCKETS)),
    figures=(
        Figure("rate", "deliveries/s", "count", ratio=True),
        Figure("cpu", "CPU s/million", ratio=True),
        Figure("lost", "lost", "count", total=True),
        Figure("doubled", "doubled", "count", total=True),
        Figure("wrong", "order", "count", total=True),
    ),
    take=_take,
    targets=(
        Target("zefnb", "rate", must=20, peer="picows"),
        Target("zefnb", "rate", must=15, peer="zef"),
        Target("zefnb", "lost", must=0, less=True),
    ),
    note="picows and websockets: call_soon_threadsafe(broadcast, message)",
)
