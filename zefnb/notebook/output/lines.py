"""Lines: what several threads write piece by piece, put together so that none cuts into the line of another.

`print` writes each of its values, each blank and the end of the line by itself, and a handler's thread may
be interrupted between any two of them.
"""

from __future__ import annotations

import threading

# In characters. A line that never ends, as of dots that show progress, is not gathered for ever.
_LONGEST = 10_000
# How often `overdue` leaves a begun line where it is while other threads go on writing.
_MOST_ASKS = 10


class Lines:
    """Lines that have been begun, one of each thread.

    Not safe for threads: whoever has it holds a lock around it.
    """

    def __init__(self) -> None:
        self._begun: dict[int, str] = {}
        # How often `overdue` has seen the line of each thread.
        self._asks: dict[int, int] = {}
        self._is_quiet = True

    def __bool__(self) -> bool:
        return bool(self._begun)

    def write(self, text: str) -> str:
        """Add what this thread writes, and give the lines that are whole by it."""
        thread = threading.get_ident()
        whole, end, rest = (self._begun.pop(thread, "") + text).rpartition("\n")
        if end:
            self._asks.pop(thread, None)
            self._is_quiet = False
        if len(rest) > _LONGEST:
            return whole + end + rest
        if rest:
            self._begun[thread] = rest
        return whole + end

    def flush(self) -> str:
        """Give the line that this thread has begun, as it is."""
        self._asks.pop(threading.get_ident(), None)
        return self._begun.pop(threading.get_ident(), "")

    def overdue(self) -> str:
        """Give the lines that were already begun when this was last asked, as they are.

        While other threads write whole lines it waits longer: on a busy machine a thread may only have to wait for
        its turn, and the next line would be joined to the half of its own.
        """
        patience = 1 if self._is_quiet else _MOST_ASKS
        self._is_quiet = True
        given = [thread for thread in self._begun if self._asks.get(thread, 0) >= patience]
        self._asks = {thread: self._asks.get(thread, 0) + 1 for thread in self._begun if thread not in given}
        return "".join(self._begun.pop(thread) for thread in given)
