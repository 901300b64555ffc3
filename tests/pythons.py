"""`python -m tests.pythons`: everything below the browser, on each other Python from 3.11 on that the machine has.

Each has an environment of its own, `.venv-3.13` and the like, which is made once. On each the tests run on one event
loop, in turns asyncio's and uvloop's. On the newest those that use the loop (`OF_A_LOOP`) run on the other, too.
Three runs go on at a time, with the debugging of asyncio's loop and without that of uvloop's. Those of the newest
Python measure the coverage, which costs little from Python 3.12 on. The last lines have the counts and the failed tests
of each run.

Only `make test` runs the tests whose result is the same on each Python (`OF_NO_PYTHON`), and other forms of tests that
are beside them: long ones, marked `slow`, and sessions of each kind, marked `on_one_python`.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from tests.__main__ import BELOW_THE_BROWSER, PYTEST
from tests.runs import ROOT, WITHOUT_DEBUGGING, Run, run_all

# A later one is tried when the machine has it.
SUPPORTED, NEWEST = range(11, 15), 15
LOOPS = ("asyncio", "uvloop")
# Before it, coverage takes as long as the tests.
MEASURED_FROM = 12
MEASURING = ("-m", "coverage", "run", "--parallel-mode")
# All tests, in parts, so that no long run is left alone at the end.
PARTS = {
    "all but the network's tests": (*BELOW_THE_BROWSER, "--ignore=tests/net"),
    "the network's tests": (*PYTEST, "tests/net"),
}
# Files of the project are read, or other programs run: type checkers, and a Python that is given its loop.
OF_NO_PYTHON = (
    "tests/typing",
    "tests/test_architecture.py",
    "tests/test_limits.py",
    "tests/test_project_files.py",
    "tests/test_prose.py",
    "tests/test_site.py",
    "tests/engine/test_uv_loop.py",
)
# All else is the same on both loops.
OF_A_LOOP = (
    "tests/engine/actor",
    "tests/engine/test_call_queue.py",
    "tests/engine/test_executor.py",
    "tests/engine/test_loop.py",
    "tests/topics",
    "tests/net/client",
    "tests/net/http/test_acceptor.py",
    "tests/net/http/test_guard.py",
    "tests/net/http/test_server.py",
    "tests/net/http/test_tls.py",
    "tests/net/websocket",
    "tests/run",
)


def main(arguments: list[str]) -> int:
    """Run them all; returns 0 when every one has passed. `arguments` go to pytest."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    found, own = other_pythons(), sys.version_info.minor
    for missing in (f"3.{minor}" for minor in SUPPORTED if minor != own and f"3.{minor}" not in found):
        print(f"LEFT OUT: all tests on Python {missing}, which this machine does not have", flush=True)
    with ThreadPoolExecutor() as threads:
        pythons = dict(zip(found, threads.map(environment, found, found.values()), strict=True))
    coverage("erase")
    with ExitStack() as stack:
        ended = run_all(plan(pythons, arguments), stack)
        is_covered = _report_coverage(list(pythons), is_whole=not arguments)
        print("\n" + "".join(f"PYTHONS: {line}\n" for run in ended for line in run.outcome), end="")
        failed = [run.name for run in ended if run.status]
    print(f"PYTHONS: {len(ended)} runs on {', '.join(found) or 'no other Python'}; {len(failed)} failed", flush=True)
    return 0 if is_covered and not failed else 1


def _report_coverage(versions: Sequence[str], is_whole: bool) -> bool:
    """Print the coverage; return whether it suffices. That of a part of the tests always does."""
    if not is_measured(versions):
        print("LEFT OUT: the coverage, which another Python than this one measures, from 3.12 on", flush=True)
        return True
    coverage("combine", "--quiet")
    return coverage("report") == 0 or not is_whole


def coverage(*arguments: str) -> int:
    """Run a command of coverage; return its exit status."""
    return subprocess.call([sys.executable, "-m", "coverage", *arguments], cwd=ROOT)


def is_measured(versions: Sequence[str]) -> bool:
    """Return whether the newest of these Pythons measures the coverage."""
    return bool(versions) and _minor(versions[-1]) >= MEASURED_FROM


def plan(pythons: dict[str, Path], arguments: list[str]) -> list[Run]:
    """Return the runs, the long ones first."""
    ignored = [f"--ignore={path}" for path in OF_NO_PYTHON]
    versions = list(pythons)
    measuring = versions[-1:] if is_measured(versions) else []

    def run(version: str, loop: str, part: str, tests: Sequence[str]) -> Run:
        command = [
            pythons[version],
            *(MEASURING if version in measuring else ()),
            *tests,
            *ignored,
            "-m",
            "not slow and not on_one_python",
            "-p",
            "no:cacheprovider",
            *arguments,
        ]
        debugging = {} if loop == "asyncio" else WITHOUT_DEBUGGING
        variables = {"ZEFNB_LOOP": loop, "COVERAGE_CORE": "sysmon", **debugging}
        return Run(f"Python {version} on {loop}, {part}", command, variables)

    turns = list(enumerate(versions))
    wholes = [run(version, LOOPS[n % 2], part, tests) for part, tests in PARTS.items() for n, version in turns]
    parts = [
        run(version, LOOPS[n % 2 - 1], "those that use the loop", (*PYTEST, *OF_A_LOOP)) for n, version in turns[-1:]
    ]
    return [*wholes, *parts]


def other_pythons() -> dict[str, Path]:
    """Return the other interpreters by version: those on the path, and pyenv's."""
    found: dict[str, Path] = {}
    for candidate in _candidates():
        name = _version(candidate)
        if name is not None and name != "{}.{}".format(*sys.version_info):
            found.setdefault(name, candidate)
    return dict(sorted(found.items(), key=lambda item: _minor(item[0])))


def _minor(version: str) -> int:
    return int(version.partition(".")[2])


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
    subprocess.run([*pip, "--upgrade", "pip"], check=True)
    subprocess.run([*pip, "--editable", ".[test]"], cwd=ROOT, check=True)
    subprocess.run([own, "-m", "tests.net.auth.providers.node_programs"], cwd=ROOT, check=True)
    stamp.touch()
    return own


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
