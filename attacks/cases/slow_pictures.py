"""A client that is busy while pictures are published, and then reads again."""

from __future__ import annotations

import time

from attacks.attack import Attack, Outcome, Settings
from attacks.targets import Server, memory
from attacks.wire import CLOSE, Wire, connect

_PICTURE = 1 << 20
_COUNT = 16


def pictures(wire: Wire) -> str:
    """Return how many whole pictures arrive, or the close code."""
    for number in range(_COUNT):
        arrived = wire.read()
        if arrived.opcode == CLOSE:
            return f"closed with {arrived.code} after {number}"
        assert len(arrived.payload) == _PICTURE, len(arrived.payload)
    return "all"


def busy(server: Server, settings: Settings) -> Outcome:
    """One client reads nothing for 2 s while 16 pictures of 1 MiB are published; another reads all the time."""
    with connect(server, "/feed") as away, connect(server, "/feed") as reader:
        before = memory(server)
        server.command("publish", count=_COUNT, size=_PICTURE)
        got = pictures(reader)
        time.sleep(2)
        grown = (memory(server) - before) / 1e6
        arrived = pictures(away)
    return Outcome(
        f"the busy client gets {arrived}, the other {got}; server +{grown:.1f} MB meanwhile",
        ok=arrived == got == "all" and grown <= 40,
        details={"grown": grown},
    )


ATTACKS = (
    Attack(
        "slow-pictures",
        "a client is busy for 2 s while 16 pictures of 1 MiB are published: it is kept and receives all of them",
        busy,
        quick=True,
        peers=False,
        attempts=3,
    ),
)
