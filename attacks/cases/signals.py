"""Signals that end a server's process: all clients are closed first."""

from __future__ import annotations

import os
import signal

from attacks.attack import Attack, Outcome, Settings
from attacks.cases.stopping import in_background
from attacks.targets import ZEFNB, Server, running
from attacks.wire import connected

_CLIENTS = 50


def ended_by(number: signal.Signals, settings: Settings) -> Outcome:
    """End another server than the given one, so that this one is available for the next attack."""
    with running(ZEFNB) as target, connected(target, _CLIENTS) as wires:
        reading, codes = in_background(wires)
        os.kill(target.pid, number)
        reading.join()
        status = target._process.wait(30)
    reported = codes.count(1001)
    return Outcome(
        f"{reported} of {_CLIENTS} clients read 1001, exit status {status}",
        ok=reported == _CLIENTS and status == -number,
        details={"reported": reported, "status": status},
    )


def terminated(server: Server, settings: Settings) -> Outcome:
    return ended_by(signal.SIGTERM, settings)


def hung_up(server: Server, settings: Settings) -> Outcome:
    return ended_by(signal.SIGHUP, settings)


_PROMISE = "50 clients each read 1001, and the process ends by that signal"
ATTACKS = (
    Attack("signals-term", f"SIGTERM: {_PROMISE}", terminated, quick=True, peers=False),
    Attack("signals-hup", f"SIGHUP: {_PROMISE}", hung_up, quick=True, peers=False),
)
