"""Databases: foreign files, missing keys, and forks during a write."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from attacks.attack import Attack, Outcome, Settings
from attacks.peak import Peak
from attacks.probe import Probe
from attacks.targets import Server
from attacks.wire import connect, frame

_LONG = 30_000


def hostile_files(server: Server, settings: Settings) -> Outcome:
    """The server's process makes each file, so its memory includes that of making them."""
    peak = Peak(server)
    with tempfile.TemporaryDirectory() as folder:
        found = server.command("hostile_files", folder=folder)
    return Outcome(
        f"{found['cases'] - len(found['missed'])} of {found['cases']} refused by file and key, "
        f"the slowest in {found['slowest']:.2f} s, +{peak.grown / 1e6:.0f} MB",
        ok=not found["missed"] and found["slowest"] < 1 and peak.grown < 32_000_000,
        details={"missed": found["missed"]},
    )


def hints(server: Server, settings: Settings) -> Outcome:
    """Keys that differ in one letter, as long as messages allow, and short ones."""
    rounds = settings.pick(20, 5)
    long = json.dumps({"a" * _LONG + end: 1 for end in "bc"})
    short = json.dumps({f"gest {number}": 1 for number in range(100)})
    with Probe(server, ("echo",)) as probe, connect(server, "/update") as wire:
        replied = []
        for update in (long, short) * rounds:
            wire.send(frame(update))
            replied.append(wire.read().payload)
    refused = replied.count(b"unknown")
    return Outcome(
        f"{refused} of {2 * rounds} refused; worst echo of others: {probe}",
        ok=refused == 2 * rounds and probe.worst < 50,
    )


def fork_writes(server: Server, settings: Settings) -> Outcome:
    forks = settings.pick(200, 30)
    with tempfile.TemporaryDirectory() as folder:
        found = server.command("fork_amid_writes", path=str(Path(folder) / "forked.db"), forks=forks)
    return Outcome(
        f"{forks - found['failed']} of {forks} children wrote their key, {found['missing']} of them missing; "
        f"of {found['written']:,} of the parent's {found['lost']} lost",
        ok=not (found["failed"] or found["missing"] or found["lost"]),
    )


ATTACKS = (
    Attack(
        "hostile-files",
        "foreign files that nest, repeat, announce or name what they must not: refused with file and key "
        "within a second of processor time, memory within 32 MB",
        hostile_files,
        quick=True,
        peers=False,
        attempts=2,
    ),
    Attack(
        "hints",
        "updates of missing keys, two of 30,000 letters or a hundred short ones: worst echo of others 50 ms",
        hints,
        quick=True,
        peers=False,
        attempts=5,
    ),
    Attack(
        "fork-writes",
        "a process that writes to a database without a pause is forked 200 times: each child writes to the same file, "
        "and nothing is lost",
        fork_writes,
        quick=True,
        peers=False,
    ),
)
