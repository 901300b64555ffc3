"""The interpreter's switch interval while servers run."""

from __future__ import annotations

import os
import sys


class SwitchInterval:
    """Hands the interpreter lock over more often while a server runs (0.5 ms, not 5).

    With a pure-Python cell computing in the main thread, the loop is otherwise up to 75 times slower.
    `ZEFNB_SWITCH_INTERVAL=keep` leaves the interpreter's setting alone.
    """

    QUICK = 0.0005

    def __init__(self) -> None:
        self._users = 0
        self._before = 0.0

    def acquire(self) -> None:
        """A server has started."""
        self._users += 1
        if self._users == 1 and os.environ.get("ZEFNB_SWITCH_INTERVAL") != "keep":
            self._before = sys.getswitchinterval()
            sys.setswitchinterval(min(self.QUICK, self._before))

    def release(self) -> None:
        """A server has stopped; the last one restores what was in force."""
        self._users -= 1
        if self._users == 0:
            self.restore()

    def restore(self) -> None:
        """Put back what was in force before the first server started."""
        if self._before:
            sys.setswitchinterval(self._before)
            self._before = 0.0
