"""The feed: what runs of one kind as rows, and views that send a window of them as differences.

The browser never holds the whole table. It asks for a window, sorted and searched here, and from then
on gets what changed in it. What all views need (what runs, the samples of its rates, an order)
is made once per tick and shared.
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
SAMPLE_EVERY = 1.0
MOST_ROWS = 200
# A person searches for what reads like words.
_SEARCHED = frozenset(("text", "code", "uid", "id", "port", "list", "value"))


class Row:
    """One row: what runs, the key by which views know it, and what is kept of its columns."""

    __slots__ = ("fixed", "history", "key", "natural", "sampled", "text", "thing", "total")

    def __init__(self, thing: Any, key: str, fixed: list[Any], text: str, total: float) -> None:
        self.thing = thing
        self.key = key
        self.fixed = fixed
        self.text = text
        # By what it is in order as long as nobody sorts.
        self.natural: Any = None
        self.history: deque[float] = deque(maxlen=SAMPLES)
        self.sampled = 0
        self.total = total

    def sample(self, total: float, stretch: float) -> None:
        """Note how much the counter of its rate has grown a second since the last sample."""
        moved, self.total = total - self.total, total
        # What has never moved costs nothing.
        if moved or self.history:
            self.history.append(round(moved / stretch, 1))
            self.sampled += 1

    @property
    def rate(self) -> float:
        """How much its counter grew a second, at the last sample."""
        return self.history[-1] if self.history else 0.0


class Query(NamedTuple):
    """Which rows, in which order. `server` is the place of a server; `sort` a column, '' for the table's own."""

    server: str | None = None
    path: str | None = None
    search: str = ""
    sort: str = ""
    descending: bool = False


class _Reader:
    """How the values of one column are had: as they are, as they are sent, searched, and sorted by."""

    def __init__(self, column: Column, of: Callable[[Any], Any]) -> None:
        self.column = column
        self.of = of
        self.is_rate = column.reads == "rate"
        self.is_searched = column.reads in _SEARCHED
        self._wire = column.reading.wire
        self.order = _order(column, of)

    def cell(self, row: Row) -> Any:
        """What is sent of it; of a rate, how often it was sampled."""
        if self.is_rate:
            return row.sampled
        value = self.of(row.thing)
        return value if self._wire is None or value is None else self._wire(value)


def _order(column: Column, of: Callable[[Any], Any]) -> Callable[[Row], Any]:
    """By what the rows are sorted; made once, since it is called for every row."""
    least = column.reading.least
    if column.reads == "rate":
        return attrgetter("rate")
    if column.order is not None:
        given = column.order
        return lambda row: given(row.thing)
    if least == "":
        return lambda row: str(of(row.thing) or "")
    return lambda row: least if (value := of(row.thing)) is None else value


class Feed:
    """The rows of one table, for all of its views. Lives on the loop."""

    def __init__(self, runtime: Runtime, table: Table[Any]) -> None:
        self.table = table
        # Most are known by themselves, which needs no call for each.
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
        """Look what runs; sample the rates when it is time."""
        self._orders.clear()
        self._groups = []
        known = self._rows
        rows: dict[Hashable, Row] = {}
        for place, things in self.table.groups(self._runtime):
            group = self._group(things, rows)
            self._groups.append((place, group))
        if rows.keys() != known.keys():
            self._by_key = {row.key: row for row in rows.values()}
        self._rows = rows
        self._sample()

    def _group(self, things: Iterable[Any], rows: dict[Hashable, Row]) -> list[Row]:
        """The rows of `things`, also put into `rows` by their keys; each key once."""
        known, key_of, before = self._rows, self._key, len(rows)
        group: list[Row] = []
        for thing in things:
            key = thing if key_of is None else key_of(thing)
            row = known.get(key)
            if row is None:
                row = self._made(thing)
            elif row.thing is not thing:
                row.thing = thing
            rows[key] = row
            group.append(row)
        if len(rows) - before == len(group):
            return group
        # A key came twice: the last row counts.
        return list(rows.values())[before:]

    def _made(self, thing: Any) -> Row:
        row = Row(thing, str(next(self._numbers)), [], "", self._rate.of(thing) if self._rate is not None else 0)
        row.fixed = [reader.cell(row) if reader.column.fixed else None for reader in self._readers]
        texts = zip(self._readers, row.fixed, strict=True)
        row.natural = self._natural(row)
        row.text = " ".join(str(cell) for reader, cell in texts if reader.is_searched and cell is not None).lower()
        return row

    def _sample(self) -> None:
        now = time.monotonic()
        stretch = now - self._sampled_at
        if stretch >= SAMPLE_EVERY:
            self._sampled_at = now
            if self._rate is not None:
                count = self._rate.of
                for row in self._rows.values():
                    row.sample(count(row.thing), stretch)

    def cells(self, row: Row) -> list[Any]:
        """What is sent of a row, in the order of the columns; of its rate only how often it was sampled."""
        cells = row.fixed.copy()
        for number, reader in self._changing:
            cells[number] = reader.cell(row)
        return cells

    def values(self, row: Row) -> list[Any]:
        """The values of a row as they are, in the order of the columns."""
        return [row.rate if reader.is_rate else reader.of(row.thing) for reader in self._readers]

    def find(self, key: str) -> Row | None:
        """The row of that key, if something can be done with it."""
        row = self._by_key.get(key)
        return row if row is not None and self.table.is_there(row.thing) else None

    def ordered(self, query: Query) -> list[Row]:
        """The rows that `query` selects, in its order; made once per tick."""
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
        # What changes is read only where what does not has not the word.
        return all(
            word in row.text or any(word in str(reader.of(row.thing)).lower() for reader in self._searched)
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
    """A window on the table, and what its reader has been told of it."""

    def __init__(self) -> None:
        self.query = Query()
        self.offset = 0
        self.limit = 50
        self._sequence = 0
        self._told: dict[str, list[Any]] = {}
        self._told_order: list[str] = []
        self._told_place: tuple[int, int] | None = None

    def forget(self) -> None:
        """The reader has lost track: tell everything again."""
        self._told, self._told_order, self._told_place = {}, [], None

    def message(self, feed: Feed) -> dict[str, Any] | None:
        """What has changed for the reader since the last message; `None` when nothing has.

        `order` is the window's rows by key, `rows` those that are new in it, `cells` what changed in the
        others by number of column, `start` and `total` where the window is and in how many rows.
        """
        rows = feed.ordered(self.query)
        self.offset = max(0, min(self.offset, len(rows) - self.limit))
        window = rows[self.offset : self.offset + self.limit]
        message: dict[str, Any] = {}
        if (place := (self.offset, len(rows))) != self._told_place:
            message["start"], message["total"] = place
        order = [row.key for row in window]
        if order != self._told_order or self._told_place is None:
            message["order"] = order
        told = {row.key: feed.cells(row) for row in window}
        full = {row.key: _full(row, told[row.key], feed.rate_at) for row in window if row.key not in self._told}
        changed = {row.key: c for row in window if (c := self._changes(row, told[row.key], feed.rate_at))}
        if full:
            message["rows"] = full
        if changed:
            message["cells"] = changed
        if not message:
            return None
        whole = self._told_place is None
        self._told, self._told_order, self._told_place = told, order, place
        self._sequence = 0 if whole else self._sequence + 1
        return {"t": "table", "seq": self._sequence, **message}

    def _changes(self, row: Row, cells: list[Any], rate_at: int) -> dict[int, Any] | None:
        before = self._told.get(row.key)
        if before is None or before == cells:
            return None
        changed = {n: cell for n, (cell, old) in enumerate(zip(cells, before, strict=True)) if cell != old}
        if rate_at in changed:
            # One more sample goes by itself; the reader appends it.
            changed[rate_at] = row.rate if cells[rate_at] == before[rate_at] + 1 else list(row.history)
        return changed


def _full(row: Row, cells: list[Any], rate_at: int) -> list[Any]:
    return [list(row.history) if number == rate_at else cell for number, cell in enumerate(cells)]
