"""Live lines: one line of text about long work, which is written again as the work continues."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Protocol


class LiveLine(Protocol):
    """A line on the output. Its methods are called in one thread, which may wait for the output."""

    def write(self, text: str) -> None:
        """Show this text in place of the one before."""

    def end(self, text: str) -> None:
        """Show the last text."""


class TerminalLine:
    """A line of a terminal, below which nothing is printed meanwhile."""

    def __init__(self) -> None:
        self._longest = 0

    def write(self, text: str) -> None:
        """Show this text in place of the one before."""
        self._longest = max(self._longest, len(text))
        sys.stdout.write("\r" + text.ljust(self._longest))
        sys.stdout.flush()

    def end(self, text: str) -> None:
        """Show the last text, and end the line."""
        self.write(text)
        sys.stdout.write("\n")
        sys.stdout.flush()


_make: Callable[[], LiveLine] | None = None


def set_lines(make: Callable[[], LiveLine] | None) -> None:
    """Set the function that makes lines under the running cell; `None` for the default, a terminal's."""
    global _make
    _make = make


def new_line(*, is_awaited: bool) -> LiveLine | None:
    """Return a line, or `None` where there can be none: in a file, and in a terminal while others may write.

    With `is_awaited` the caller waits for the end of the work.
    """
    if _make is not None:
        return _make()
    return TerminalLine() if is_awaited and sys.stdout is not None and sys.stdout.isatty() else None
