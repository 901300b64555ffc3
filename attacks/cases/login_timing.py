"""Timing: how long the server computes does not show whether a name exists."""

from __future__ import annotations

import statistics

from attacks.attack import Attack, Outcome, Settings
from attacks.cases.login_gate import GATE_SERVER, form
from attacks.targets import Server, running

# Samples of each kind. Each is one login with a wrong password.
_SAMPLES = 150


def timing(plain: Server, settings: Settings) -> Outcome:
    times: dict[str, list[float]] = {"known": [], "unknown": []}
    with running(GATE_SERVER) as server:
        server.command("admit")
        for number in range(settings.pick(_SAMPLES, 10)):
            names = {"known": "ada", "unknown": f"eve{number % 10}"}
            # In alternation, and each kind first in half of the pairs.
            for kind in sorted(names, reverse=bool(number % 2)):
                before = server.command("processor_time")["seconds"]
                status = form(server, name=names[kind], password="guessed")[0]
                assert status == 401, status
                times[kind].append(server.command("processor_time")["seconds"] - before)
    known, unknown = (statistics.median(times[kind]) * 1e3 for kind in ("known", "unknown"))
    difference = abs(known - unknown) / known
    return Outcome(
        f"a wrong login takes {known:.2f} ms of processor time with a known name and {unknown:.2f} ms with an unknown "
        f"one (medians of {len(times['known'])}): a difference of {difference:.1%}",
        ok=difference <= 0.1,
        details={"known": known, "unknown": unknown},
    )


ATTACKS = (
    Attack(
        "login-timing",
        "a wrong login takes as much processor time with an unknown name as with a known one, within 10 %",
        timing,
        peers=False,
        attempts=2,
    ),
)
