"""Handshakes get the same response from the fast way and from the HTTP parser."""

from __future__ import annotations

import re
import subprocess
import sys

from attacks.attack import Attack, Outcome, Settings
from attacks.targets import Server
from bench import machine


def agree(server: Server, settings: Settings) -> Outcome:
    """Generated handshakes on conversations in memory, in a separate process."""
    count = settings.pick(60_000, 2_000)
    command = [sys.executable, "-m", "attacks.fuzz.agree", f"--count={count}", f"--seed={settings.pick(1, 2)}"]
    done = subprocess.run(command, cwd=machine.ROOT, capture_output=True, text=True, errors="replace", timeout=900)
    found = re.search(r"AGREED (\d+) (\d+)", done.stdout)
    if done.returncode or found is None:
        return Outcome("the two ways differ", ok=False, details={"said": done.stderr[-2_000:]})
    requested, let_in = int(found[1]), int(found[2])
    # If few or nearly all were accepted, the comparison would mean little.
    return Outcome(
        f"{requested:,} handshakes, {let_in:,} accepted: no difference",
        ok=requested == count and 0.1 < let_in / requested < 0.9,
    )


ATTACKS = (
    Attack(
        "agree",
        "60,000 generated handshakes get the same response by the fast way and by the HTTP parser",
        agree,
        quick=True,
        peers=False,
    ),
)
