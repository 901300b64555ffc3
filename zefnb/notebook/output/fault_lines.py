"""Fault lines: the warnings and errors of the journal, which appear under their cells when they occur."""

from __future__ import annotations

import logging
from collections.abc import Callable

from zefnb.engine import journal
from zefnb.engine.entry import Entry
from zefnb.engine.rate_limit import RateLimit
from zefnb.engine.tally import Tally, is_power_of_ten
from zefnb.notebook.display.text import remove_controls
from zefnb.notebook.output.handlers import handlers_cell, runtime

_LONGEST_FAULT = 240
_LONGEST_EXAMPLES = 160
# The rate limit of the lines of a cell: a burst, then a number per second.
_FAULTS_AT_ONCE = 10
_FAULTS_A_SECOND = 1.0

_silent = logging.NullHandler()


class _FaultCounts:
    """The counts of the faults of one cell since its last run, and the rate limit of its lines."""

    def __init__(self) -> None:
        self.limit = RateLimit(_FAULTS_AT_ONCE, _FAULTS_A_SECOND)
        self._counts: dict[int, Tally] = {}

    def count(self, number: int) -> int:
        """Count one more occurrence of the entry with that number, and return the count."""
        tally = self._counts.pop(number, None) or Tally()
        self._counts[number] = tally
        if len(self._counts) > journal.CAPACITY:
            self._counts.pop(next(iter(self._counts)), None)
        return tally.advance()


class Faults:
    """Shows faults under their cells: the 1st, 10th, 100th and so on of each, within a rate limit.

    The counts begin again when the cell runs, because that clears its output. There is no lock, because a signal
    handler can interrupt this code and show another fault.
    """

    def __init__(self, show: Callable[[str | None, str], None], hint: Callable[[], str]) -> None:
        self._show = show
        self._hint = hint
        self._counts_of_cells: dict[str | None, _FaultCounts] = {}

    def open(self) -> None:
        """Listen to the journal."""
        journal.COMMON_LISTENERS.append(self.on_entry)
        # Otherwise the last-resort handler of `logging` prints the fault again, under the running cell.
        journal.logger.addHandler(_silent)

    def close(self) -> None:
        """Stop listening."""
        journal.COMMON_LISTENERS.remove(self.on_entry)
        journal.logger.removeHandler(_silent)

    def begin(self, cell: str) -> None:
        """Reset the counts of a cell that begins to run."""
        self._counts_of_cells.pop(cell, None)

    def on_entry(self, entry: Entry) -> None:
        """Show an entry of the journal if its count and the rate limit allow it."""
        if entry.level not in ("warning", "error"):
            return
        cell = self._cell_of(entry)
        counts = self._counts_of_cells.get(cell) or self._counts_of_cells.setdefault(cell, _FaultCounts())
        count = counts.count(entry.number)
        if not is_power_of_ten(count) or not counts.limit.allows():
            return
        self._show(cell, f"{self._line(entry, count, counts.limit.take_refused())}\n")

    def _line(self, entry: Entry, count: int, others: int) -> str:
        parts = [remove_controls(entry.message, _LONGEST_FAULT)]
        if count > 1:
            such_as = f", such as {', '.join(entry.examples)}" if len(entry.examples) > 1 else ""
            parts.append(f"(x{count:,}{remove_controls(such_as, _LONGEST_EXAMPLES)})")
        if others:
            parts.append(f"(and {others:,} others meanwhile)")
        if entry.traceback:
            parts.append(self._hint())
        return "  ".join(parts)

    @staticmethod
    def _cell_of(entry: Entry) -> str | None:
        running = runtime()
        if running is None:
            return None
        cells, details = running.cells, entry.details
        cell: str | None = None
        for name in ("server", "actor", "client", "timer"):
            handle = details.get(name)
            cell = cell or (cells.cell_of(handle) if hasattr(handle, "_uid") else None)
        return cell or handlers_cell()
