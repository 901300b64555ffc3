"""`python -m tests`: run all tests, or those that pytest's arguments select, with coverage.

All of them run in two processes, since tests with a browser mostly wait, and then the measuring tests in a third.
`python -m tests --below-the-browser` runs the tests that need neither a browser nor an idle machine, in one process.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile

BESIDE = ("tests/browser", "tests/binder", "tests/notebooks", "tests/sharing")
ALONE = ("tests/attacks",)  # some of them compare paces, which they can't beside a browser


def main(arguments: list[str]) -> int:
    """Run them and return pytest's exit status."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if arguments[:1] == ["--below-the-browser"]:
        return subprocess.call([sys.executable, *BELOW_THE_BROWSER, *arguments[1:]])
    if arguments:
        return subprocess.call([*COVERED, *PYTEST, *arguments])
    status = side_by_side()
    return subprocess.call([*COVERED, "--append", *PYTEST, *ALONE]) or status


def side_by_side() -> int:
    """Run all but the measuring tests; show the output of the second process after that of the first."""
    with tempfile.TemporaryFile("w+") as said:
        beside = subprocess.Popen([sys.executable, *PYTEST, *BESIDE], stdout=said, stderr=subprocess.STDOUT)
        try:
            print(f"Beside these, and shown after them: {', '.join(BESIDE)}", flush=True)
            status = subprocess.call([*COVERED, *PYTEST, *(f"--ignore={folder}" for folder in (*BESIDE, *ALONE))])
            print("Waiting for the tests beside ...", flush=True)
            return status or beside.wait()
        except SystemExit:
            beside.terminate()
            raise
        finally:
            beside.wait()
            said.seek(0)
            print(said.read(), flush=True)


PYTEST = ["-m", "pytest"]
BELOW_THE_BROWSER = [*PYTEST, *(f"--ignore={folder}" for folder in (*BESIDE, *ALONE))]
COVERED = [sys.executable, "-m", "coverage", "run"]

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
