"""A crowd sends long messages to busy handlers, or does not read its replies: bounded memory for all together."""

from __future__ import annotations

import time
from contextlib import ExitStack, suppress

from attacks.attack import Attack, Outcome, Settings
from attacks.peak import Peak
from attacks.targets import Server
from attacks.wire import Wire, connect, frame

_MESSAGE = frame("0.5".ljust(1_000_000))
_EACH = 3


def _send(wires: list[Wire], rest: list[memoryview], seconds: float) -> None:
    """Send as much as is taken, until nothing has been for so many seconds."""
    moved = time.monotonic()
    while any(map(len, rest)) and time.monotonic() - moved < seconds:
        for number, wire in enumerate(wires):
            with suppress(BlockingIOError):
                if sent := wire.socket.send(rest[number][:262_144]) if rest[number] else 0:
                    rest[number], moved = rest[number][sent:], time.monotonic()


def waiting_crowd(server: Server, settings: Settings) -> Outcome:
    """Each handler sleeps for half a second, and 128 sleep at once."""
    count = settings.pick(300, 200)
    with ExitStack() as stack:
        wires = [stack.enter_context(connect(server, "/sleep")) for _ in range(count)]
        rest = [memoryview(_MESSAGE * _EACH)] * count
        for wire in wires:
            wire.socket.setblocking(False)
        peak = Peak(server)
        _send(wires, rest, 10)
        unsent = sum(map(len, rest))
        for wire in wires:
            wire.socket.settimeout(30)
        replies = sum(wire.read().payload == b"slept" for wire in wires for _ in range(_EACH))
        grown = peak.grown / 1e6
    return Outcome(
        f"{count} clients with {_EACH} messages of 1 MB each: server +{grown:.0f} MB, {replies} replies, "
        f"{unsent} bytes not taken",
        ok=grown <= 240 and replies == count * _EACH and not unsent,
        details={"grown": grown, "replies": replies},
    )


def unread_replies(server: Server, settings: Settings) -> Outcome:
    """Each client requests as much as may wait for it, and reads nothing; another client reads."""
    count = settings.pick(400, 150)
    message = frame("x" * 1_000_000)
    with ExitStack() as stack:
        reader = stack.enter_context(connect(server, "/echo-inline"))
        peak = Peak(server)
        for _ in range(count):
            wire = stack.enter_context(connect(server, "/echo-inline", receive_buffer=4_096))
            with suppress(OSError):  # it has been closed
                for _ in range(4):
                    wire.send(message)
        reader.send(message)
        is_served = len(reader.read().payload) == 1_000_000
        grown = peak.grown / 1e6
    return Outcome(
        f"{count} clients with 4 replies of 1 MB each: server +{grown:.0f} MB; a client that reads is "
        f"{'served' if is_served else 'not served'}",
        ok=grown <= 450 and is_served,
        details={"grown": grown},
    )


ATTACKS = (
    Attack(
        "unread-replies",
        "400 clients each request four messages of 1 MB and read nothing: the server grows by at most 450 MB, and a "
        "client that reads is served",
        unread_replies,
        quick=True,
        peers=False,
        attempts=2,
    ),
    Attack(
        "waiting-crowd",
        "300 clients each send three messages of 1 MB to busy handlers: the server grows by at most 240 MB, and each "
        "message gets its reply",
        waiting_crowd,
        quick=True,
        peers=False,
        attempts=2,
    ),
)
