"""The two ways in: a handshake gets the same answer whether the plain way reads it or the HTTP parser."""

from __future__ import annotations

import re
import subprocess
import sys

from attacks.attack import Attack, Outcome, Settings
from attacks.targets import Server
from bench import machine


def agree(server: Server, settings: Settings) -> Outcome:
    """Made-up handshakes on conversations in memory, in a process of its own."""
    count = settings.pick(60_000, 2_000)
    command = [sys.executable, "-m", "attacks.fuzz.agree", f"--count={count}", f"--seed={settings.pick(1, 2)}"]
    done = subprocess.run(command, cwd=machine.ROOT, capture_output=True, text=True, errors="replace", timeout=900)
    found = re.search(r"AGREED (\d+) (\d+)", done.stdout)
    if done.returncode or found is None:
        return Outcome("the two ways differ", ok=False, details={"said": done.stderr[-2_000:]})
    asked, let_in = int(found[1]), int(found[2])
    # If hardly any were let in, or all, little would have been compared.
    return Outcome(
        f"{asked:,} handshakes, {let_in:,} let in: no difference", ok=asked == count and 0.1 < let_in / asked < 0.9
    )


ATTACKS = (
    Attack(
        "agree",
        "60,000 made-up handshakes are answered the same by the plain way in and by the HTTP parser",
        agree,
        quick=True,
        peers=False,
    ),
)
