"""The feed: the rows of one live table, and its views, each of which sends the changes in a window of the rows.

The browser never has the whole table. It requests a window, which is sorted and searched here, and then gets the
changes in it. The data that all views need (the rows, the samples of their rates, an order) is computed once per tick.
"""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from operator import attrgetter
from typing import Any, NamedTuple

from zefnb.engine.runtime import Runtime
from zefnb.notebook.display.columns import Column
from zefnb.notebook.watch.table import Place, Table

SAMPLES = 30
SAMPLE_INTERVAL = 1.0
MOST_ROWS = 200
# Only columns with text are searched.
_SEARCHED = frozenset(("text", "code", "uid", "id", "port", "list", "value"))


class Row:
    """One row: the running object, its key in the views, and the stored values of its columns."""

    __slots__ = ("fixed", "history", "key", "natural", "sampled", "source", "text", "total")

    def __init__(self, source: Any, key: str, fixed: list[Any], text: str, total: float) -> None:
        self.source = source
        self.key = key
        self.fixed = fixed
        self.text = text
        # The sort key of the table's own order.
        self.natural: Any = None
        self.history: deque[float] = deque(maxlen=SAMPLES)
        self.sampled = 0
        self.total = total

    def sample(self, total: float, seconds: float) -> None:
        """Record the growth per second of the row's counter since the last sample."""
        moved, self.total = total - self.total, total
        # A counter that has never grown needs no history.
        if moved or self.history:
            self.history.append(round(moved / seconds, 1))
            self.sampled += 1

    @property
    def rate(self) -> float:
        """The growth of the counter per second, at the last sample."""
        return self.history[-1] if self.history else 0.0


class Query(NamedTuple):
    """A selection of rows and their order. `server` is a server's place; `sort` is a column, '' for the default."""

    server: str | None = None
    path: str | None = None
    search: str = ""
    sort: str = ""
    descending: bool = False


class _Reader:
    """Reads the values of one column: as they are, as they are sent, and as they are searched and sorted."""

    def __init__(self, column: Column, of: Callable[[Any], Any]) -> None:
        self.column = column
        self.of = of
        self.is_rate = column.reads == "rate"
        self.is_searched = column.reads in _SEARCHED
        self._wire = column.reading.wire
        self.order = _order(column, of)

    def cell(self, row: Row) -> Any:
        """Return the value as it is sent: the number of samples if the column is a rate."""
        if self.is_rate:
            return row.sampled
        value = self.of(row.source)
        return value if self._wire is None or value is None else self._wire(value)


def _order(column: Column, of: Callable[[Any], Any]) -> Callable[[Row], Any]:
    """Return the sort key of a column. Created once, because it is called for every row."""
    least = column.reading.least
    if column.reads == "rate":
        return attrgetter("rate")
    if column.order is not None:
        given = column.order
        return lambda row: given(row.source)
    if least == "":
        return lambda row: str(of(row.source) or "")
    return lambda row: least if (value := of(row.source)) is None else value


class Feed:
    """The rows of one table, for all of its views. Only the loop uses it."""

    def __init__(self, runtime: Runtime, table: Table[Any]) -> None:
        self.table = table
        # In most tables the key is the object itself, which saves a call for each row.
        self._key = None if type(table).key is Table.key else table.key
        self._runtime = runtime
        self._readers = [_Reader(column, table.value_of(column)) for column in table.columns]
        self._by_name = {reader.column.name: reader for reader in self._readers}
        self._changing = [(n, reader) for n, reader in enumerate(self._readers) if not reader.column.fixed]
        self._searched = [reader for _, reader in self._changing if reader.is_searched]
        self._rate = next((reader for reader in self._readers if reader.is_rate), None)
        self.rate_at = self._readers.index(self._rate) if self._rate is not None else -1
        natural = self._by_name[table.sort or table.columns[0].name]
        self._natural = natural.order
        self._has_natural = natural.column.fixed
        self._numbers = itertools.count()
        self._rows: dict[Hashable, Row] = {}
        self._by_key: dict[str, Row] = {}
        self._groups: list[tuple[Place, list[Row]]] = []
        self._orders: dict[Query, list[Row]] = {}
        self._sampled_at = time.monotonic()

    def refresh(self) -> None:
        """Read the rows again, and sample the rates when a sample is due."""
        self._orders.clear()
        self._groups = []
        known = self._rows
        rows: dict[Hashable, Row] = {}
        for place, sources in self.table.groups(self._runtime):
            group = self._group(sources, rows)
            self._groups.append((place, group))
        if rows.keys() != known.keys():
            self._by_key = {row.key: row for row in rows.values()}
        self._rows = rows
        self._sample()

    def _group(self, sources: Iterable[Any], rows: dict[Hashable, Row]) -> list[Row]:
        """Return the rows of `sources`, one for each key, and also add them to `rows`."""
        known, key_of, before = self._rows, self._key, len(rows)
        group: list[Row] = []
        for source in sources:
            key = source if key_of is None else key_of(source)
            row = known.get(key)
            if row is None:
                row = self._made(source)
            elif row.source is not source:
                row.source = source
            rows[key] = row
            group.append(row)
        if len(rows) - before == len(group):
            return group
        # A key occurred twice: the last row counts.
        return list(rows.values())[before:]

    def _made(self, source: Any) -> Row:
        row = Row(source, str(next(self._numbers)), [], "", self._rate.of(source) if self._rate is not None else 0)
        row.fixed = [reader.cell(row) if reader.column.fixed else None for reader in self._readers]
        texts = zip(self._readers, row.fixed, strict=True)
        row.natural = self._natural(row)
        row.text = " ".join(str(cell) for reader, cell in texts if reader.is_searched and cell is not None).lower()
        return row

    def _sample(self) -> None:
        now = time.monotonic()
        seconds = now - self._sampled_at
        if seconds >= SAMPLE_INTERVAL:
            self._sampled_at = now
            if self._rate is not None:
                count = self._rate.of
                for row in self._rows.values():
                    row.sample(count(row.source), seconds)

    def cells(self, row: Row) -> list[Any]:
        """Return the values of a row as they are sent, in the order of the columns; of its rate the sample count."""
        cells = row.fixed.copy()
        for number, reader in self._changing:
            cells[number] = reader.cell(row)
        return cells

    def values(self, row: Row) -> list[Any]:
        """Return the values of a row as they are, in the order of the columns."""
        return [row.rate if reader.is_rate else reader.of(row.source) for reader in self._readers]

    def find(self, key: str) -> Row | None:
        """Return the row with that key, if it still exists."""
        row = self._by_key.get(key)
        return row if row is not None and self.table.is_there(row.source) else None

    def ordered(self, query: Query) -> list[Row]:
        """Return the rows that `query` selects, in its order. Computed once per tick."""
        found = self._orders.get(query)
        if found is None:
            found = self._orders[query] = self._sorted(query, self._selected(query))
        return found

    def _selected(self, query: Query) -> list[Row]:
        rows = [
            row
            for place, group in self._groups
            if query.server in (None, place.server) and query.path in (None, place.path)
            for row in group
        ]
        words = query.search.lower().split()
        return [row for row in rows if self._has(row, words)] if words else rows

    def _has(self, row: Row, words: list[str]) -> bool:
        # Changing columns are read only if the text of the fixed columns lacks the word.
        return all(
            word in row.text or any(word in str(reader.of(row.source)).lower() for reader in self._searched)
            for word in words
        )

    def _sorted(self, query: Query, rows: list[Row]) -> list[Row]:
        natural = attrgetter("natural") if self._has_natural else self._natural
        rows.sort(key=natural)
        if query.sort or query.descending:
            chosen = self._by_name[query.sort].order if query.sort else natural
            rows.sort(key=chosen, reverse=query.descending)
        return rows

    def __len__(self) -> int:
        return len(self._rows)


class View:
    """A window on the table, and the values in it that were sent last."""

    def __init__(self) -> None:
        self.query = Query()
        self.offset = 0
        self.limit = 50
        self._sequence = 0
        self._sent_cells: dict[str, list[Any]] = {}
        self._sent_order: list[str] = []
        self._sent_place: tuple[int, int] | None = None

    def forget(self) -> None:
        """Make the next message complete, because the reader has lost a message."""
        self._sent_cells, self._sent_order, self._sent_place = {}, [], None

    def message(self, feed: Feed) -> dict[str, Any] | None:
        """Return the changes since the last message, or `None` if there are none.

        `order` has the keys of the window's rows, `rows` the new rows, `cells` the changed values of the others by
        column number, `start` the position of the window, and `total` the number of all rows.
        """
        rows = feed.ordered(self.query)
        self.offset = max(0, min(self.offset, len(rows) - self.limit))
        window = rows[self.offset : self.offset + self.limit]
        message: dict[str, Any] = {}
        if (place := (self.offset, len(rows))) != self._sent_place:
            message["start"], message["total"] = place
        order = [row.key for row in window]
        if order != self._sent_order or self._sent_place is None:
            message["order"] = order
        cells = {row.key: feed.cells(row) for row in window}
        full = {row.key: _full(row, cells[row.key], feed.rate_at) for row in window if row.key not in self._sent_cells}
        changed = {row.key: c for row in window if (c := self._changes(row, cells[row.key], feed.rate_at))}
        if full:
            message["rows"] = full
        if changed:
            message["cells"] = changed
        if not message:
            return None
        whole = self._sent_place is None
        self._sent_cells, self._sent_order, self._sent_place = cells, order, place
        self._sequence = 0 if whole else self._sequence + 1
        return {"t": "table", "seq": self._sequence, **message}

    def _changes(self, row: Row, cells: list[Any], rate_at: int) -> dict[int, Any] | None:
        before = self._sent_cells.get(row.key)
        if before is None or before == cells:
            return None
        changed = {n: cell for n, (cell, old) in enumerate(zip(cells, before, strict=True)) if cell != old}
        if rate_at in changed:
            # A single new sample is sent alone, and the reader appends it. Otherwise the whole history is sent.
            changed[rate_at] = row.rate if cells[rate_at] == before[rate_at] + 1 else list(row.history)
        return changed


def _full(row: Row, cells: list[Any], rate_at: int) -> list[Any]:
    return [list(row.history) if number == rate_at else cell for number, cell in enumerate(cells)]
