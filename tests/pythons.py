"""`python -m tests.pythons`: everything below the browser, on each other Python from 3.11 on that the machine has.

Each gets an environment of its own, `.venv-3.13` and the like, and runs on asyncio's loop and on uvloop, side by side.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from tests.__main__ import BELOW_THE_BROWSER

ROOT = Path(__file__).resolve().parents[1]
OLDEST, NEWEST = 11, 15
LOOPS = ("asyncio", "uvloop")


def main(arguments: list[str]) -> int:
    """Run them on each; returns 0 when all passed. `arguments` go to pytest."""
    found = other_pythons()
    if not found:
        print("LEFT OUT: other Pythons, of which this machine has none from 3.11 on")
    failed = [f"{name} on {loop}" for name, python in found.items() for loop in failures(name, python, arguments)]
    print(f"\nPythons tried: {', '.join(found) or 'none'}. Failed: {', '.join(failed) or 'none'}.")
    return 1 if failed else 0


def other_pythons() -> dict[str, Path]:
    """The interpreters that are not this one, by version: those on the path, and pyenv's."""
    found: dict[str, Path] = {}
    for candidate in _candidates():
        name = _version(candidate)
        if name is not None and name != "{}.{}".format(*sys.version_info):
            found.setdefault(name, candidate)
    return dict(sorted(found.items(), key=lambda item: int(item[0].partition(".")[2])))


def _candidates() -> Iterator[Path]:
    for minor in range(OLDEST, NEWEST + 1):
        if on_path := shutil.which(f"python3.{minor}"):
            yield Path(on_path)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(pyenv.glob("versions/3.*/bin/python"), reverse=True)


def _version(python: Path) -> str | None:
    """Its version, such as '3.13'; `None` when it is too old or does not start, as a shim may."""
    code = "import ensurepip, sys, venv; print(sys.version_info[0], sys.version_info[1])"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    major, _, minor = done.stdout.strip().partition(" ")
    return f"3.{minor}" if done.returncode == 0 and major == "3" and int(minor) >= OLDEST else None


def failures(name: str, python: Path, arguments: list[str]) -> list[str]:
    """Run the tests on one interpreter; returns the loops on which they failed."""
    command = [environment(name, python), *BELOW_THE_BROWSER, "-p", "no:cacheprovider", *arguments]
    print(f"Python {name}: the tests on {' and '.join(LOOPS)}, side by side ...", flush=True)
    with ExitStack() as stack:
        outputs = [stack.enter_context(tempfile.TemporaryFile("w+")) for _ in LOOPS]
        runs = [stack.enter_context(_started(command, *each)) for each in zip(LOOPS, outputs, strict=True)]
        for run in runs:
            stack.callback(run.kill)  # nothing to do for one that has ended
        statuses = [run.wait() for run in runs]
        for loop, output in zip(LOOPS, outputs, strict=True):
            output.seek(0)
            print(f"\nPython {name} on {loop}:\n{output.read()}", flush=True)
    return [loop for loop, status in zip(LOOPS, statuses, strict=True) if status]


def _started(command: list[Any], loop: str, output: IO[str]) -> subprocess.Popen[Any]:
    environ = {**os.environ, "ZEFNB_LOOP": loop}
    return subprocess.Popen(command, cwd=ROOT, env=environ, stdout=output, stderr=subprocess.STDOUT)


def environment(name: str, python: Path) -> Path:
    """The interpreter of the environment for that Python, made on first use and again when pyproject.toml changes."""
    folder = ROOT / f".venv-{name}"
    own, stamp = folder / "bin" / "python", folder / ".test"
    if stamp.exists() and stamp.stat().st_mtime >= (ROOT / "pyproject.toml").stat().st_mtime:
        return own
    print(f"Python {name}: installing zefnb and what its tests need into {folder.name} ...", flush=True)
    subprocess.run([python, "-m", "venv", folder], check=True)
    pip = [own, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    subprocess.run([*pip, "--editable", ".[test]"], cwd=ROOT, check=True)
    stamp.touch()
    return own


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
