"""Messages that are never finished: bounded memory for all, released when the clients leave."""

from __future__ import annotations

import time
from contextlib import ExitStack, suppress

from attacks.attack import Attack, Outcome, Settings
from attacks.peak import Peak
from attacks.targets import Server, memory
from attacks.wire import BINARY, CONT, connect, frame

_HALF = 1 << 19
_PIECE = 1 << 16
# Half a message as a fragment, and all but a byte of the other half.
_BEGUN = frame(b"x" * _HALF, BINARY, fin=False) + frame(b"x" * _HALF, CONT)[:-1]


def one_by_one(server: Server, settings: Settings) -> Outcome:
    """Each client sends all of it before the next one begins."""
    return _never_finished(server, settings, [_BEGUN])


def at_once(server: Server, settings: Settings) -> Outcome:
    """All clients send their messages in small pieces, in turn: each holds a part of a message."""
    return _never_finished(server, settings, [_BEGUN[at : at + _PIECE] for at in range(0, len(_BEGUN), _PIECE)])


def _never_finished(server: Server, settings: Settings, pieces: list[bytes]) -> Outcome:
    count = settings.pick(200, 150)
    with connect(server, "/echo") as wire:
        wire.send(frame(b"w" * (2 * _HALF), BINARY))
        wire.read()
    before = memory(server)
    with ExitStack() as stack:
        peak = Peak(server)
        wires = [stack.enter_context(connect(server, "/echo")) for _ in range(count)]
        for piece in pieces:
            for wire in wires:
                wire.socket.settimeout(0.2 if len(pieces) == 1 else 0)
                # A client that the server does not read cannot send all of it.
                with suppress(OSError):
                    wire.send(piece)
        began = time.monotonic()
        with connect(server, "/echo") as newcomer:
            newcomer.socket.settimeout(30)
            newcomer.send(frame(b"n" * (2 * _HALF), BINARY))
            replied = len(newcomer.read().payload) == 2 * _HALF
        took = time.monotonic() - began
        grown = peak.grown / 1e6
    end = time.monotonic() + 15
    while (stored := (memory(server) - before) / 1e6) > 30 and time.monotonic() < end:
        time.sleep(0.1)
    reported = f"after {took:.1f} s" if replied else "NEVER"
    return Outcome(
        f"{count} messages of 1 MiB less a byte: server +{grown:.0f} MB, {stored:+.0f} MB when they have left; "
        f"a new client's message of 1 MiB gets a reply {reported}",
        ok=grown <= 140 and stored <= 30 and replied and took <= 15,
        details={"grown": grown, "left": stored, "took": took},
    )


ATTACKS = (
    Attack(
        "unfinished",
        "200 clients each begin a message of 1 MiB and never finish it: the server grows by at most 140 MB, and "
        "releases it; a new client's message of 1 MiB gets a reply within 15 s",
        one_by_one,
        quick=True,
        peers=False,
        attempts=2,
    ),
    Attack(
        "unfinished-at-once",
        "the same, but all send their messages in turn, in pieces of 64 KiB, so that each holds a part of one",
        at_once,
        quick=True,
        peers=False,
        attempts=2,
    ),
)
