"""FieldError lines: what a cell is shown of the journal's faults, as they happen."""

from __future__ import annotations

from collections.abc import Callable

from zefnb.engine.entry import Entry
from zefnb.engine.journal import CAPACITY
from zefnb.engine.rate_limit import RateLimit
from zefnb.engine.tally import Tally, is_power_of_ten
from zefnb.notebook.display.text import harmless
from zefnb.notebook.output.handlers import handlers_cell, runtime

_LONGEST_FAULT = 240
_LONGEST_EXAMPLES = 160
# Lines on faults: so many at once, then so many a second.
_FAULTS_AT_ONCE = 10
_FAULTS_A_SECOND = 1.0


class _Told:
    """What a cell has been told since it ran last."""

    def __init__(self) -> None:
        self.limit = RateLimit(_FAULTS_AT_ONCE, _FAULTS_A_SECOND)
        self._counts: dict[int, Tally] = {}

    def count(self, number: int) -> int:
        """How often the entry of that number has happened since then, now included."""
        tally = self._counts.pop(number, None) or Tally()
        self._counts[number] = tally
        if len(self._counts) > CAPACITY:
            self._counts.pop(next(iter(self._counts)), None)
        return tally.advance()


class Faults:
    """How many lines on faults a cell is shown: the first, every tenfold, and never a flood.

    They are counted from when the cell ran last: what was told before went with its output. No lock: what is
    told under a cell may be told in the middle of it by a signal handler.
    """

    def __init__(self, show: Callable[[str | None, str], None], hint: Callable[[], str]) -> None:
        self._show = show
        self._hint = hint
        self._told: dict[str | None, _Told] = {}

    def begin(self, cell: str) -> None:
        """A cell runs, perhaps again: nothing has been told under it."""
        self._told.pop(cell, None)

    def heard(self, entry: Entry) -> None:
        """An entry of the journal: shown when it is new trouble."""
        if entry.level not in ("warning", "error"):
            return
        cell = self._cell_of(entry)
        told = self._told.get(cell) or self._told.setdefault(cell, _Told())
        count = told.count(entry.number)
        if not is_power_of_ten(count) or not told.limit.allows():
            return
        self._show(cell, f"{self._line(entry, count, told.limit.take_refused())}\n")

    def _line(self, entry: Entry, count: int, others: int) -> str:
        parts = [harmless(entry.message, _LONGEST_FAULT)]
        if count > 1:
            such_as = f", such as {', '.join(entry.examples)}" if len(entry.examples) > 1 else ""
            parts.append(f"(x{count:,}{harmless(such_as, _LONGEST_EXAMPLES)})")
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
        things, details = running.cells, entry.details
        cell: str | None = None
        for name in ("server", "actor", "client", "timer"):
            handle = details.get(name)
            cell = cell or (things.cell_of(handle) if hasattr(handle, "_uid") else None)
        return cell or handlers_cell()
