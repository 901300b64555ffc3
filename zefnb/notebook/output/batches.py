"""Batches: the texts of handlers for several places, joined into whole lines and sent at intervals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zefnb.engine.lent_lock import LentLock
from zefnb.notebook.output.lines import Lines

# The destination of output: a cell, or a widget.
Place = Any
# `send(place, name, text)`, where the name is 'stdout' or 'stderr'.
Send = Callable[[Place, str, str], None]
# `call_later(seconds, call)` calls in the thread that sends. Can be called from any thread.
CallLater = Callable[[float, Callable[[], None]], None]

_FLUSH_INTERVAL = 0.1
# In characters, for one place between two flushes. It is close to Jupyter's own limit.
_MOST_AT_ONCE = 100_000


class Batches:
    """Collects the texts of each place and stream, and sends them ten times a second at most. Thread-safe."""

    def __init__(self, send: Send, call_later: CallLater) -> None:
        self._send, self._call_later = send, call_later
        # A `LentLock`, because a signal handler can print, or wait for the loop, while its own thread has the lock.
        self._lock = LentLock()
        self._lines: dict[tuple[Place, str], Lines] = {}
        self._pending: dict[tuple[Place, str], list[str]] = {}
        self._due = False

    def put(self, place: Place, name: str, text: str) -> None:
        """Send `text` at the next flush. Does not block."""
        with self._lock:
            self._add((place, name), self._lines.setdefault((place, name), Lines()).write(text))
            if self._due:
                return
            self._due = True
        self._call_later(_FLUSH_INTERVAL, self._flush_what_is_due)

    def end_lines(self) -> bool:
        """Make the partial lines of this thread pending, too. Return whether there is anything to send."""
        with self._lock:
            for key, lines in self._lines.items():
                self._add(key, lines.flush())
        return bool(self._pending)

    def flush(self) -> None:
        """Send the pending texts. Must be called in the thread that sends."""
        with self._lock:
            pending, self._pending = self._pending, {}
        for (place, name), parts in pending.items():
            # A lone surrogate can be printed but not sent, and the text around it would be lost.
            text = _shortened("".join(parts)).encode(errors="backslashreplace").decode()
            if text:
                self._send(place, name, text)

    def _add(self, key: tuple[Place, str], text: str) -> None:
        if text:
            self._pending.setdefault(key, []).append(text)

    def _flush_what_is_due(self) -> None:
        """Send the pending texts and the overdue partial lines."""
        with self._lock:
            for key, lines in self._lines.items():
                self._add(key, lines.overdue())
            self._lines = {key: lines for key, lines in self._lines.items() if lines}
            is_due = self._due = bool(self._lines)
        if is_due:
            self._call_later(_FLUSH_INTERVAL, self._flush_what_is_due)
        self.flush()


def _shortened(text: str) -> str:
    if len(text) <= _MOST_AT_ONCE:
        return text
    half = _MOST_AT_ONCE // 2
    cut = text[half:-half].count("\n")
    return f"{text[:half]}\n… {cut:,} lines are in the log alone: FX.QueryLog() …\n{text[-half:]}"
