"""Lines: joins the pieces that several threads write, so that no thread writes into the line of another.

`print` writes each value, each blank and the end of the line separately, and the thread can be interrupted between any
two of these.
"""

from __future__ import annotations

import threading

# In characters. A longer line, such as the dots of a progress display, is released in pieces.
_LONGEST = 10_000
# The number of calls of `overdue` that a partial line waits while other threads write.
_MOST_CALLS = 10


class Lines:
    """The partial lines, one of each thread.

    Not thread-safe: the caller must hold a lock.
    """

    def __init__(self) -> None:
        self._begun: dict[int, str] = {}
        # The number of calls of `overdue` since the partial line of each thread began.
        self._calls: dict[int, int] = {}
        self._is_quiet = True

    def __bool__(self) -> bool:
        return bool(self._begun)

    def write(self, text: str) -> str:
        """Add a text of this thread, and return the lines that it completes."""
        thread = threading.get_ident()
        whole, end, rest = (self._begun.pop(thread, "") + text).rpartition("\n")
        if end:
            self._calls.pop(thread, None)
            self._is_quiet = False
        if len(rest) > _LONGEST:
            return whole + end + rest
        if rest:
            self._begun[thread] = rest
        return whole + end

    def flush(self) -> str:
        """Return the partial line of this thread."""
        self._calls.pop(threading.get_ident(), None)
        return self._begun.pop(threading.get_ident(), "")

    def overdue(self) -> str:
        """Return the partial lines that already existed at the last call.

        While other threads write complete lines, a partial line waits for more calls: on a busy machine its thread may
        only be waiting for the processor, and another line would be appended to the partial one.
        """
        limit = 1 if self._is_quiet else _MOST_CALLS
        self._is_quiet = True
        given = [thread for thread in self._begun if self._calls.get(thread, 0) >= limit]
        self._calls = {thread: self._calls.get(thread, 0) + 1 for thread in self._begun if thread not in given}
        return "".join(self._begun.pop(thread) for thread in given)
