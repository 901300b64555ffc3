"""One process goes through all other attacks, one after the other."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace

from attacks.attack import Attack, Broken, Outcome, Settings
from attacks.cases.lifecycle import left
from attacks.targets import BenchError, Server, memory
from attacks.wire import connect, frame


def settled(server: Server) -> int:
    """Return the least memory within five seconds: the server returns freed memory to the system after a second."""
    least, end = memory(server), time.monotonic() + 5
    while time.monotonic() < end:
        time.sleep(0.1)
        least = min(least, memory(server))
    return least


def in_a_row(server: Server, settings: Settings) -> Outcome:
    """The short forms, twice, all against one server. Their own results are judged where they run alone.

    The first round fills all bounded structures; the memory after it is the start.
    """
    from attacks.cases import find_attacks

    attacks = [attack for attack in find_attacks() if not (attack.ends or attack.last)]
    short = replace(settings, quick=True)
    began, broken = time.monotonic(), []
    for turn in range(2):
        for attack in attacks:
            with suppress(Broken, BenchError, OSError, AssertionError):
                if attack.run(server, short).ok:
                    continue
            broken.append(attack.name)
        if turn == 0:
            before, start = left(server), settled(server)
    after, ratio = left(server), settled(server) / start
    remains = {name: after[name] - before[name] for name in before if after[name] > before[name]}
    with connect(server, "/echo") as wire:
        wire.send(frame("alive"))
        alive = wire.read().payload == b"alive"
    return Outcome(
        f"{'alive' if alive else 'DEAD'} after twice {len(attacks)} attacks in {time.monotonic() - began:.0f} s, "
        f"memory {ratio:.2f} times that after the first round, {remains or 'nothing'} left",
        ok=alive and ratio <= 1.3 and not remains,
        details={"ratio": ratio, "left": remains, "broken": sorted(set(broken))},
    )


ATTACKS = (
    Attack(
        "in-a-row",
        "one process goes through all of these: alive, memory within 1.3 times its start, nothing left",
        in_a_row,
        peers=False,
        last=True,
    ),
)
