"""Lines: what several threads write piece by piece, put together so that none cuts into the line of another.

`print` writes each of its values, each blank and the end of the line by itself, and a handler's thread may
be interrupted between any two of them.
"""

from __future__ import annotations

import threading

# In characters. A line that never ends, as of dots that show progress, is not gathered for ever.
_LONGEST = 10_000


class Lines:
    """Lines that have been begun, one of each thread.

    Not safe for threads: whoever has it holds a lock around it.
    """

    def __init__(self) -> None:
        self._begun: dict[int, str] = {}
        self._overdue: set[int] = set()

    def __bool__(self) -> bool:
        return bool(self._begun)

    def write(self, text: str) -> str:
        """Add what this thread writes, and give the lines that are whole by it."""
        thread = threading.get_ident()
        whole, end, rest = (self._begun.pop(thread, "") + text).rpartition("\n")
        if end:
            self._overdue.discard(thread)
        if len(rest) > _LONGEST:
            return whole + end + rest
        if rest:
            self._begun[thread] = rest
        return whole + end

    def flush(self) -> str:
        """Give the line that this thread has begun, as it is."""
        return self._begun.pop(threading.get_ident(), "")

    def overdue(self) -> str:
        """Give the lines that were already begun when this was last asked, as they are."""
        given = "".join(self._begun.pop(thread) for thread in self._overdue & self._begun.keys())
        self._overdue = set(self._begun)
        return given
