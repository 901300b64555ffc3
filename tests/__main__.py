"""`python -m tests`: all tests, or those that pytest's arguments choose, with the lines covered counted.

All of them run in two processes: what opens a browser mostly waits for it, and goes on beside the rest.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile

BESIDE = ("tests/browser", "tests/binder", "tests/notebooks")


def main(arguments: list[str]) -> int:
    """Run them; answers what pytest answers."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if arguments:
        return subprocess.call([*COVERED, *arguments])
    with tempfile.TemporaryFile("w+") as said:
        beside = subprocess.Popen([*PYTEST, *BESIDE], stdout=said, stderr=subprocess.STDOUT)
        try:
            print(f"Beside these, and shown after them: {', '.join(BESIDE)}", flush=True)
            status = subprocess.call([*COVERED, *(f"--ignore={folder}" for folder in BESIDE)])
            print("Waiting for the tests beside ...", flush=True)
            return status or beside.wait()
        except SystemExit:
            beside.terminate()
            raise
        finally:
            beside.wait()
            said.seek(0)
            print(said.read(), flush=True)


PYTEST = [sys.executable, "-m", "pytest"]
COVERED = [sys.executable, "-m", "coverage", "run", "-m", "pytest"]

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
