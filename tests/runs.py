"""Runs of pytest in processes of their own, three at a time."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# One more than the cores of a small machine, since tests wait half of their time.
AT_A_TIME = 3
# Seconds. Each test has a limit of its own, so only an interpreter that does not exit runs into the last one.
POLL_INTERVAL = 0.2
PROGRESS_INTERVAL = 60.0
RUN_LIMIT = 40 * 60.0
# Without the debugging of asyncio, which tests/conftest.py turns on otherwise.
WITHOUT_DEBUGGING = {"PYTHONASYNCIODEBUG": ""}


@dataclass(frozen=True)
class Run:
    """A command that runs tests, its title, and what it adds to the environment variables."""

    name: str
    command: Sequence[str | Path]
    variables: Mapping[str, str] = field(default_factory=dict)


class Running:
    """A running process, and its output so far."""

    def __init__(self, run: Run) -> None:
        self.name = run.name
        self._ends_at = time.monotonic() + RUN_LIMIT
        self._output = tempfile.NamedTemporaryFile()  # noqa: SIM115, closed by end
        self._process = subprocess.Popen(
            run.command, cwd=ROOT, env={**os.environ, **run.variables}, stdout=self._output, stderr=subprocess.STDOUT
        )

    @property
    def output(self) -> str:
        """Return its output."""
        return Path(self._output.name).read_text(errors="replace")

    @property
    def progress(self) -> str:
        """Return its progress, by pytest's own count."""
        shown = re.findall(r"\[ *([0-9]+%)\]", self.output)
        return f"{self.name}: {shown[-1] if shown else 'begins'}"

    @property
    def status(self) -> int | None:
        """Return its exit status; `None` while it runs. Kills it after `RUN_LIMIT`."""
        if time.monotonic() > self._ends_at:
            self._process.kill()
        return self._process.poll()

    @property
    def outcome(self) -> list[str]:
        """Return the failed tests, one a line, and then pytest's last line with the status."""
        ends = re.findall(r"^=+ (.* in [0-9.]+s.*?) =+$", self.output, re.MULTILINE)
        failed = re.findall(r"^(?:FAILED|ERROR) .*", self.output, re.MULTILINE)
        count = f"{ends[-1] if ends else 'did not finish'} (status {self.status})"
        return [f"{self.name}: {line}" for line in (*failed, count)]

    def end(self) -> None:
        """End it if it still runs."""
        if self.status is None:
            self._process.terminate()
            self._process.wait()
        self._output.close()


def run_all(runs: Sequence[Run], stack: ExitStack) -> list[Running]:
    """Run them, `AT_A_TIME` at a time; show the output of each when it ends, and the progress before.

    `stack` ends those that still run when it is left.
    """
    waiting, running, ended = deque(runs), list[Running](), list[Running]()
    shown_at = time.monotonic()
    while waiting or running:
        while waiting and len(running) < AT_A_TIME:
            running.append(Running(waiting.popleft()))
            stack.callback(running[-1].end)
        time.sleep(POLL_INTERVAL)
        for each in [each for each in running if each.status is not None]:
            running.remove(each)
            ended.append(each)
            print(f"\n{each.name}:\n{each.output}", flush=True)
        if time.monotonic() - shown_at > PROGRESS_INTERVAL:
            shown_at = time.monotonic()
            print("; ".join(each.progress for each in running), flush=True)
    return ended
