"""Tables: from what a query returns to texts in cells, and to what rich draws in a terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from zefnb.core.entity import Entity, Topic
from zefnb.core.rows import Rows
from zefnb.core.time import Time
from zefnb.text.controls import strip_controls
from zefnb.text.short_repr import short_repr

# rich is imported where something is drawn: a notebook shows HTML and does without it.
if TYPE_CHECKING:
    from rich.table import Table

Row = Mapping[str, Any]
_NOTHING = "–"


class _Column(NamedTuple):
    """A column of the table of clients; shown from a width, or only where some client has a value in it."""

    title: str
    cell: Callable[[Row], str]
    right: bool = True
    from_width: int = 0
    only_with: str = ""
    widest: int | None = None

    def fits(self, clients: Sequence[Row], width: int) -> bool:
        """Whether there is room for it, and something to show."""
        return width >= self.from_width and (not self.only_with or any(row[self.only_with] for row in clients))


def clients_table(clients: Sequence[Row], *, width: int = 80, limit: int | None = None) -> Table:
    """The answer of `FX.QueryAllConnectedWebsocketClients` as a table that fits into `width` cells.

    Of more than `limit` clients the latest are shown, and how many are not. All that comes from a peer
    is shown as plain text: neither markup nor control characters have any effect.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    columns = [column for column in _COLUMNS if column.fits(clients, width)]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        table.add_column(
            Text(column.title),
            justify="right" if column.right else "left",
            no_wrap=True,
            overflow="ellipsis",
            max_width=column.widest,
            style="cyan" if number == 0 else "",
        )
    shown = clients if limit is None or len(clients) <= limit else clients[len(clients) - limit + 1 :]
    for row in shown:
        table.add_row(*(Text(strip_controls(column.cell(row), 200)) for column in columns))
    hidden = len(clients) - len(shown)
    if hidden:
        table.add_row(Text("…"), Text(f"{hidden} more", style="dim"))
    return table


def _since(row: Row) -> str:
    connected: Time = row["connect_time"]
    moment = connected.to_datetime().astimezone()
    return f"{moment:%H:%M:%S}" if Time.now() - connected < 86_400 else f"{moment:%d %b %H:%M}"


def size_text(size: int) -> str:
    """A number of bytes as people read it.

    >>> size_text(0), size_text(900), size_text(70_000), size_text(5 << 20)
    ('0 B', '900 B', '68.4 KiB', '5.0 MiB')
    """
    if size < 1024:
        return f"{size} B"
    return f"{size / 1024:.1f} KiB" if size < 1 << 20 else f"{size / (1 << 20):.1f} MiB"


def duration_text(seconds: float | None) -> str:
    """A short stretch of time as people read it.

    >>> duration_text(None), duration_text(0.00021), duration_text(0.042), duration_text(2.5)
    ('–', '0.21 ms', '42.0 ms', '2.50 s')
    """
    if seconds is None:
        return _NOTHING
    if seconds >= 1:
        return f"{seconds:.2f} s"
    return f"{seconds * 1000:.2f} ms" if seconds < 0.01 else f"{seconds * 1000:.1f} ms"


_COLUMNS = (
    _Column("id", lambda row: str(row["channel_id"])),
    _Column("address", lambda row: row["client_ip"], right=False),
    _Column("path", lambda row: row["path"], right=False, widest=16),
    _Column("page of", lambda row: row["origin"] or _NOTHING, right=False, from_width=104, widest=32),
    _Column("connected", _since, from_width=62),
    _Column("sent", lambda row: f"{row['sent']:,}"),
    _Column("received", lambda row: f"{row['received']:,}"),
    _Column("queued", lambda row: size_text(row["queued"])),
    _Column("dropped", lambda row: f"{row['dropped']:,}", only_with="dropped"),
    _Column("ignored", lambda row: f"{row['ignored']:,}", only_with="ignored"),
    _Column("round trip", lambda row: duration_text(row["round_trip"]), from_width=76),
)


class Grid(NamedTuple):
    """A table as texts; `numbers` tells which columns are aligned to the right."""

    titles: list[str]
    rows: list[list[str]]
    numbers: frozenset[int]


# Which keys of an answer are shown, where not all of them are.
_KEYS = {
    "log": ("time", "level", "count", "message", "examples", "handler", "server", "actor"),
    "faults": ("last", "count", "message", "examples", "handler", "server"),
    "servers": ("server", "port", "routes", "clients", "version", "allow_external_requests"),
}
_WIDEST_CELL = 400
# Of a longer integer Python refuses to make digits.
_MOST_BITS = 256


def grid(rows: Rows) -> Grid:
    """Any answer as a grid: a client's columns are named for people, other answers keep their keys."""
    if rows.title == "clients":
        columns = [column for column in _COLUMNS if column.fits(rows, 1_000)]
        numbers = frozenset(number for number, column in enumerate(columns) if column.right)
        return Grid([c.title for c in columns], [[c.cell(row) for c in columns] for row in rows], numbers)
    there = list(dict.fromkeys(key for row in rows for key in row))
    keys = [key for key in _KEYS.get(rows.title, there) if key in there]
    lines = [[cell_text(key, row.get(key)) for key in keys] for row in rows]
    counts = frozenset(n for n, key in enumerate(keys) if _are_numbers([row.get(key) for row in rows]))
    return Grid([key.replace("_", " ") for key in keys], lines, counts)


def rows_table(rows: Rows, *, width: int = 80) -> Table:
    """Any answer as rich draws it."""
    if rows.title == "clients":
        return clients_table(rows, width=width)
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    found = grid(rows)
    for number, title in enumerate(found.titles):
        right = number in found.numbers
        table.add_column(Text(title), justify="right" if right else "left", style="" if number else "cyan")
    for row in found.rows:
        table.add_row(*(Text(strip_controls(cell, _WIDEST_CELL)) for cell in row))
    return table


def cell_text(key: str, value: Any) -> str:
    """One value in a cell.

    >>> cell_text('clients', 12_000), cell_text('rate', None), cell_text('routes', ['/', '/ws'])
    ('12,000', '–', '/, /ws')
    """
    if value is None:
        return _NOTHING
    if isinstance(value, Time):
        return f"{value.to_datetime().astimezone():%H:%M:%S}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and key not in ("port", "version") and value.bit_length() <= _MOST_BITS:
        return f"{value:,}"
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    return value if isinstance(value, str) else brief_repr(value)


def brief_repr(value: Any, longest: int = 80) -> str:
    """A value in one short line; a handle by its type and the beginning of its uid."""
    if isinstance(value, Entity) and value._uid is not None:
        uid = value._uid
        if isinstance(value, Topic):
            return short_repr(value, longest)
        return strip_controls(f"{type(value)!r} {uid[:8]}{'…' if len(uid) > 8 else ''}", longest)
    return short_repr(value, longest)


def count_text(count: int, noun: str) -> str:
    """How many of what.

    >>> count_text(1, 'client'), count_text(2_000, 'client')
    ('1 client', '2,000 clients')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _are_numbers(values: Sequence[Any]) -> bool:
    """Whether there are numbers, and at most gaps between them."""
    there = [value for value in values if value is not None]
    return bool(there) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in there)
