"""The interpreter's switch interval while servers or replays run."""

from __future__ import annotations

import os
import sys
from typing import ClassVar


class SwitchInterval:
    """Sets a switch interval of 0.5 ms instead of 5 ms while a server or a replay runs.

    Otherwise the loop is up to 75 times slower while a pure-Python cell computes in the main thread.
    `ZEFNB_SWITCH_INTERVAL=keep` leaves the interpreter's setting unchanged.
    """

    QUICK = 0.0005

    # Those of all runtimes of this process that have set it, and the interval from before the first of them.
    _quick: ClassVar[set[SwitchInterval]] = set()
    _before: ClassVar[float] = 0.0

    def __init__(self) -> None:
        self._users = 0

    def acquire(self) -> None:
        """Count a server or a replay that has started."""
        self._users += 1
        if self._users == 1 and os.environ.get("ZEFNB_SWITCH_INTERVAL") != "keep":
            if not self._quick:
                SwitchInterval._before = sys.getswitchinterval()
            self._quick.add(self)
            sys.setswitchinterval(min(self.QUICK, self._before))

    def release(self) -> None:
        """Count one that has stopped; after the last one the earlier interval is restored."""
        self._users -= 1
        if self._users == 0:
            self.restore()

    def restore(self) -> None:
        """Restore the interval from before the first of them started, unless another runtime still needs it."""
        if self in self._quick:
            self._quick.discard(self)
            if not self._quick:
                sys.setswitchinterval(self._before)


def switch_interval(runtime: object) -> SwitchInterval:
    """Make the service of a runtime: `runtime.service(switch_interval)`."""
    return SwitchInterval()
