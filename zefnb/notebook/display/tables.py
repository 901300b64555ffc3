"""Tables: convert the rows of a query into texts for HTML, or into a table that rich draws in a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from zefnb.core.rows import Rows
from zefnb.core.time import Time
from zefnb.notebook.display.columns import NOTHING, Column, Reading, brief_repr, fitting, in_use, moment_text, user_text
from zefnb.notebook.watch.tables import table_named, table_names
from zefnb.text.controls import strip_controls
from zefnb.text.uids import short_uids

# rich is imported only to draw: a notebook shows HTML and does not need it.
if TYPE_CHECKING:
    from rich.table import Table

Row = Mapping[str, Any]


def drawn(columns: Sequence[Column], rows: Sequence[Sequence[Any]], *, width: int, limit: int | None = None) -> Table:
    """Return rows of values as a table that fits into `width` characters; less important columns are left out.

    Of more than `limit` rows, the latest are shown, and the number of the others. All values appear as plain text,
    because they can come from a peer: neither markup nor control characters have an effect.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    shown = rows if limit is None or len(rows) <= limit else rows[len(rows) - limit + 1 :]
    texts = [[_shown(c.text(v)) for c, v in zip(columns, row, strict=True)] for row in shown]
    there = in_use(columns, shown)
    fit = fitting([columns[n] for n in there], [[row[n] for n in there] for row in texts], width)
    chosen = [there[n] for n in fit]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for place, n in enumerate(chosen):
        table.add_column(
            Text(columns[n].title),
            justify="right" if columns[n].reading.right else "left",
            no_wrap=True,
            overflow="ellipsis",
            max_width=columns[n].widest,
            style="" if place else "cyan",
        )
    for row in texts:
        table.add_row(*(Text(row[n]) for n in chosen))
    hidden = len(rows) - len(shown)
    if hidden:
        table.add_row(Text("…"), Text(f"{hidden:,} more", style="dim"))
    return table


def _shown(text: str) -> str:
    return short_uids(strip_controls(text, _WIDEST_CELL))


def clients_table(clients: Sequence[Row], *, width: int = 80, limit: int | None = None) -> Table:
    """Return the result of `FX.QueryAllConnectedWebsocketClients` as a table that fits into `width` characters."""
    return rows_table(Rows("clients", clients), width=width, limit=limit)


class Grid(NamedTuple):
    """A table as texts; the columns of `numbers` are aligned to the right."""

    titles: list[str]
    rows: list[list[str]]
    numbers: frozenset[int]


# The keys that are shown, for query results that have more.
_KEYS = {
    "log": ("time", "level", "count", "message", "examples", "handler", "server", "actor"),
    "faults": ("last", "count", "message", "examples", "handler", "server"),
}
_WIDEST_CELL = 400
# Python refuses to convert very long integers to decimal digits.
_MOST_BITS = 256


class _QueryColumn(Column):
    """A column of a query result without a live table: the type of each value determines its text."""

    __slots__ = ()

    @property
    def reading(self) -> Reading:
        return Reading(right=self.reads == "number")

    def text(self, value: Any) -> str:
        return cell_text(self.name, value)


def _columns(rows: Rows) -> list[Column]:
    """Return the columns of a query result: those of the live table of that name, or else its keys."""
    there = list(dict.fromkeys(key for row in rows for key in row))
    if rows.title in table_names():
        columns = table_named(rows.title).columns
        # A query has counts only, and a rate needs two samples.
        return [c for c in columns if c.name in there or (not rows and c.reads != "rate")]
    keys = [key for key in _KEYS.get(rows.title, there) if key in there]
    numbers = {key for key in keys if _are_numbers([row.get(key) for row in rows])}
    return [_QueryColumn(key, key.replace("_", " "), "number" if key in numbers else "text") for key in keys]


def grid(rows: Rows) -> Grid:
    """Return a query result as a grid with all rows."""
    columns = _columns(rows)
    values = [[row.get(column.name) for column in columns] for row in rows]
    there = in_use(columns, values)
    texts = [[columns[n].text(row[n]) for n in there] for row in values]
    numbers = frozenset(place for place, n in enumerate(there) if columns[n].reading.right)
    return Grid([columns[n].title for n in there], texts, numbers)


def rows_table(rows: Rows, *, width: int = 80, limit: int | None = None) -> Table:
    """Return a query result as a table of rich."""
    columns = _columns(rows)
    return drawn(columns, [[row.get(c.name) for c in columns] for row in rows], width=width, limit=limit)


def cell_text(key: str, value: Any) -> str:
    """Return the text of a value in a cell.

    >>> cell_text('clients', 12_000), cell_text('rate', None), cell_text('routes', ['/', '/ws'])
    ('12,000', '–', '/, /ws')
    """
    if value is None:
        return NOTHING
    if isinstance(value, Time):
        return moment_text(value)
    if key == "user":
        return user_text(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and key not in ("port", "version") and value.bit_length() <= _MOST_BITS:
        return f"{value:,}"
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    return value if isinstance(value, str) else brief_repr(value)


def _are_numbers(values: Sequence[Any]) -> bool:
    """Whether there is at least one number, and all other values are missing."""
    there = [value for value in values if value is not None]
    return bool(there) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in there)
