"""`python -m tests.pythons`: everything below the browser, on each other Python from 3.11 on that the machine has.

Each has an environment of its own, `.venv-3.13` and the like, which is made once. On each all tests run on one event
loop, in turns asyncio's and uvloop's, and the tests that use the loop (`OF_A_LOOP`) on the other. Two runs go on at a
time. The last lines have the counts and the failed tests of each run.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.__main__ import BELOW_THE_BROWSER, PYTEST

ROOT = Path(__file__).resolve().parents[1]
# A later one is tried when the machine has it.
SUPPORTED, NEWEST = range(11, 15), 15
LOOPS = ("asyncio", "uvloop")
# All else is the same on both loops.
OF_A_LOOP = (
    "tests/engine",
    "tests/topics",
    "tests/net",
    "tests/effects",
    "tests/run",
    "tests/test_processes.py",
)
AT_A_TIME = 2
# Seconds. Each test has a limit of its own, so only an interpreter that does not exit runs into the last one.
POLL_INTERVAL = 0.2
PROGRESS_INTERVAL = 60.0
RUN_LIMIT = 40 * 60.0


@dataclass(frozen=True)
class Run:
    """The tests to run on one Python and one loop."""

    version: str
    loop: str
    part: str
    tests: tuple[str, ...]

    @property
    def name(self) -> str:
        """Return a title such as 'Python 3.13 on uvloop, all tests'."""
        return f"Python {self.version} on {self.loop}, {self.part}"


class Running:
    """A running process, and its output so far."""

    def __init__(self, run: Run, python: Path, arguments: list[str]) -> None:
        self.name = run.name
        self._ends_at = time.monotonic() + RUN_LIMIT
        self._output = tempfile.NamedTemporaryFile()  # noqa: SIM115, closed by end
        self._process = subprocess.Popen(
            [python, *run.tests, "-p", "no:cacheprovider", *arguments],
            cwd=ROOT,
            env={**os.environ, "ZEFNB_LOOP": run.loop},
            stdout=self._output,
            stderr=subprocess.STDOUT,
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


def main(arguments: list[str]) -> int:
    """Run them all; returns 0 when every one has passed. `arguments` go to pytest."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    found, own = other_pythons(), sys.version_info.minor
    for missing in (f"3.{minor}" for minor in SUPPORTED if minor != own and f"3.{minor}" not in found):
        print(f"LEFT OUT: all tests on Python {missing}, which this machine does not have", flush=True)
    pythons = {version: environment(version, python) for version, python in found.items()}
    with ExitStack() as stack:
        ended = run_all(plan(list(found)), pythons, arguments, stack)
        print("\n" + "".join(f"PYTHONS: {line}\n" for run in ended for line in run.outcome), end="")
        failed = [run.name for run in ended if run.status]
    print(f"PYTHONS: {len(ended)} runs on {', '.join(found) or 'no other Python'}; {len(failed)} failed", flush=True)
    return 1 if failed else 0


def plan(versions: list[str]) -> list[Run]:
    """Return the runs, the long ones first."""
    turns = list(enumerate(versions))
    wholes = [Run(version, LOOPS[n % 2], "all tests", tuple(BELOW_THE_BROWSER)) for n, version in turns]
    parts = [Run(version, LOOPS[(n + 1) % 2], "those that use the loop", (*PYTEST, *OF_A_LOOP)) for n, version in turns]
    return [*wholes, *parts]


def run_all(runs: list[Run], pythons: dict[str, Path], arguments: list[str], stack: ExitStack) -> list[Running]:
    """Run them, `AT_A_TIME` at a time; show the output of each when it ends, and its progress before."""
    waiting, running, ended = deque(runs), list[Running](), list[Running]()
    shown_at = time.monotonic()
    while waiting or running:
        while waiting and len(running) < AT_A_TIME:
            run = waiting.popleft()
            running.append(Running(run, pythons[run.version], arguments))
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


def other_pythons() -> dict[str, Path]:
    """Return the other interpreters by version: those on the path, and pyenv's."""
    found: dict[str, Path] = {}
    for candidate in _candidates():
        name = _version(candidate)
        if name is not None and name != "{}.{}".format(*sys.version_info):
            found.setdefault(name, candidate)
    return dict(sorted(found.items(), key=lambda item: int(item[0].partition(".")[2])))


def _candidates() -> Iterator[Path]:
    for minor in range(SUPPORTED.start, NEWEST + 1):
        if on_path := shutil.which(f"python3.{minor}"):
            yield Path(on_path)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(pyenv.glob("versions/3.*/bin/python"), reverse=True)


def _version(python: Path) -> str | None:
    """Return its version, such as '3.13'; `None` when it is too old or does not start, as a shim may."""
    code = "import ensurepip, sys, venv; print(sys.version_info[0], sys.version_info[1])"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    major, _, minor = done.stdout.strip().partition(" ")
    is_new_enough = done.returncode == 0 and major == "3" and SUPPORTED.start <= int(minor) <= NEWEST
    return f"3.{minor}" if is_new_enough else None


def environment(name: str, python: Path) -> Path:
    """Return the interpreter of that Python's environment, made on first use and again when pyproject.toml changes."""
    folder = ROOT / f".venv-{name}"
    own, stamp = folder / "bin" / "python", folder / ".test"
    if stamp.exists() and stamp.stat().st_mtime >= (ROOT / "pyproject.toml").stat().st_mtime:
        return own
    print(f"Python {name}: installing zefnb and what its tests need into {folder.name} ...", flush=True)
    subprocess.run([python, "-m", "venv", folder], check=True)
    pip = [own, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    subprocess.run([*pip, "--editable", ".[test]"], cwd=ROOT, check=True)
    subprocess.run([own, "-m", "tests.net.auth.providers.node_programs"], cwd=ROOT, check=True)
    stamp.touch()
    return own


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
