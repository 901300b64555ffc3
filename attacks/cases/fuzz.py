"""A fuzz: bytes that nobody thought of, found by what code they reach, and held against a plain reading of the RFC."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from functools import partial

from attacks.attack import Attack, Outcome, Settings
from attacks.targets import Server
from bench import machine

LEFT_OUT = "LEFT OUT: atheris is not installed (it has no wheel for every platform and Python)"


def fuzz(target: str, server: Server, settings: Settings) -> Outcome:
    """Half a minute in a process of its own, on the conversation in memory: no socket, all the rest."""
    if importlib.util.find_spec("atheris") is None:
        return Outcome(LEFT_OUT, ok=True)
    seconds = settings.pick(30, 5)
    command = [sys.executable, "-m", "attacks.fuzz", target, f"--seconds={seconds}", f"--findings={machine.BUILD}"]
    done = subprocess.run(command, cwd=machine.ROOT, capture_output=True, text=True, errors="replace", timeout=180)
    said = done.stdout + done.stderr
    runs = re.search(r"Done (\d+) runs", said)
    covered = re.findall(r"cov: (\d+)", said)
    found = re.search(r"Test unit written to (\S+)", said)
    wrong = re.search(r"=== Uncaught Python exception: ===\n(.{0,300})", said)
    figure = f"{int(runs[1]) if runs else 0:,} inputs in {seconds} s, {covered[-1] if covered else 0} branches"
    told = f"; {wrong[1]}" if wrong else ""
    return Outcome(
        figure + (f"; FOUND {found[1]}{told}" if found else ", nothing found"),
        ok=done.returncode == 0 and runs is not None and found is None,
        details={"said": said[-2_000:]} if done.returncode else {},
    )


def _attack(target: str, promise: str) -> Attack:
    return Attack(f"fuzz-{target}", promise, partial(fuzz, target), peers=False)


ATTACKS = (
    _attack("frames", "any bytes after a handshake are read as RFC 6455 reads them, however they are cut"),
    _attack("values", "any bytes stored in a database are refused, or read in time and memory that go with their size"),
    _attack("requests", "any bytes on a new connection are answered by the book, and only a good handshake with 101"),
)
