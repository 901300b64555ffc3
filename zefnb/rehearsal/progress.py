"""Progress: one line on the output of long work, which is written again as the work continues."""

from __future__ import annotations

import sys
from time import monotonic

_FIRST_AFTER = 1.0
_INTERVAL = 0.25
_STEP = 256


class Progress:
    """A line such as 'rehearsing: 12,000 of 100,000 messages'. Quick work, and output to a file, show none."""

    def __init__(self, verb: str, total: int, noun: str) -> None:
        self._verb = verb
        self._total = total
        self._noun = noun
        self._next_count = _STEP
        self._started = monotonic()
        self._next_time = self._started + _FIRST_AFTER
        self._longest = 0

    def at(self, count: int) -> None:
        """Show that `count` are done, if it is time."""
        if count < self._next_count:
            return
        self._next_count = count + _STEP
        now = monotonic()
        if now < self._next_time:
            return
        self._next_time = now + _INTERVAL
        left = (now - self._started) * (self._total - count) / max(count, 1)
        self._write(f"{self._verb}: {count:,} of {self._total:,} {self._noun}, {left:.0f} s left")

    def end(self) -> None:
        """Remove the line."""
        if self._longest:
            self._write("")
            sys.stdout.write("\r")
            sys.stdout.flush()

    def _write(self, line: str) -> None:
        stream = sys.stdout
        if stream is None or not stream.isatty():
            return
        self._longest = max(self._longest, len(line))
        stream.write("\r" + line.ljust(self._longest))
        stream.flush()
