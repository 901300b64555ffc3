"""`python -m tests`: run all tests, or those that pytest's arguments select.

All of them run in parts at the same time, and the measuring tests alone at the end. They run without asyncio's
debugging, which takes a third of the time; `tests.pythons` has it, and the coverage. `--below-the-browser` runs the
tests that need neither a browser nor an idle machine, in one process.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import ExitStack

from tests.runs import ROOT, WITHOUT_DEBUGGING, Run, run_all

BROWSER = "tests/browser"
NOTEBOOKS = ("tests/binder", "tests/notebooks", "tests/sharing")  # these open a browser, too
WITH_A_BROWSER = (BROWSER, *NOTEBOOKS)
NETWORK = "tests/net"  # nearly as many as the others
ALONE = ("tests/attacks",)  # some of them compare paces, which they can't beside a browser

PYTEST = ["-m", "pytest"]
BELOW_THE_BROWSER = [*PYTEST, *(f"--ignore={folder}" for folder in (*WITH_A_BROWSER, *ALONE))]


def main(arguments: list[str]) -> int:
    """Run them and return pytest's exit status."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if arguments[:1] == ["--below-the-browser"]:
        return subprocess.call([sys.executable, *BELOW_THE_BROWSER, *arguments[1:]], cwd=ROOT)
    if arguments:
        return subprocess.call([sys.executable, *PYTEST, *arguments], cwd=ROOT)
    with ExitStack() as stack:
        statuses = [ended.status for ended in run_all(parts(), stack)]
    return subprocess.call([sys.executable, *PYTEST, *ALONE], cwd=ROOT) or next(filter(None, statuses), 0)


def parts() -> list[Run]:
    """Return the parts, the longest first."""
    arguments = {
        "Tests with a browser": [*PYTEST, BROWSER],
        "The other tests": [*BELOW_THE_BROWSER, f"--ignore={NETWORK}"],
        "The network's tests": [*PYTEST, NETWORK],
        "Tests of notebooks": [*PYTEST, *NOTEBOOKS],
    }
    return [Run(name, [sys.executable, *of_part], WITHOUT_DEBUGGING) for name, of_part in arguments.items()]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
