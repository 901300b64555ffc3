"""Messages that cause themselves: they are dropped and named, and delay no other client."""

from __future__ import annotations

import time

from attacks.attack import Attack, Outcome, Settings
from attacks.probe import Probe
from attacks.targets import Server
from bench.machine import cpu_seconds

_REST = 1.0


def causes_itself(server: Server, settings: Settings) -> Outcome:
    """Loops of six shapes, one after the other. A neighbour measures times; then the server must be idle."""
    messages = settings.pick(20, 5)
    with Probe(server, ("echo", "chat")) as probe:
        reported = server.command("cause_itself", messages=messages)
    begin, cpu = time.monotonic(), cpu_seconds(server.pid)
    time.sleep(_REST)
    busy = (cpu_seconds(server.pid) - cpu) / (time.monotonic() - begin)
    left = server.command("left")
    p99 = probe.p99 - probe.machine_p99
    return Outcome(
        f"of {messages} messages into each of {len(reported['entries'])} loops {reported['dropped']} were dropped, in "
        f"{reported['entries']} entries; others' p99 {probe.p99:.1f} ms (the machine's own: {probe.machine_p99:.1f} "
        f"ms); afterwards {busy:.0%} busy",
        ok=reported["entries"] == [1] * len(reported["entries"])
        and min(reported["dropped"]) >= messages
        and all(reported["named"])
        and p99 <= 30
        and busy < 0.2
        and left["actors"] == 0,
        details={"p99": probe.p99, "worst": probe.worst, "busy": busy, **reported},
    )


ATTACKS = (
    Attack(
        "self-causing",
        "subscriptions publish to themselves, in six ways: each message is dropped after 1,000 returns and each loop "
        "named once; p99 of others within 30 ms meanwhile, and then the server is idle",
        causes_itself,
        quick=True,
        peers=False,
        attempts=3,
    ),
)
