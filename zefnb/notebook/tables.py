"""Tables for the terminal: from what a query answers to what rich draws."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from rich import box
from rich.table import Table
from rich.text import Text

from zefnb.core.time import Time
from zefnb.notebook.text import harmless

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
    columns = [
        c for c in _COLUMNS if width >= c.from_width and (not c.only_with or any(r[c.only_with] for r in clients))
    ]
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
        table.add_row(*(Text(harmless(column.cell(row), 200)) for column in columns))
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
    _Column("connected", _since),
    _Column("sent", lambda row: f"{row['sent']:,}"),
    _Column("received", lambda row: f"{row['received']:,}"),
    _Column("queued", lambda row: size_text(row["queued"])),
    _Column("dropped", lambda row: f"{row['dropped']:,}", only_with="dropped"),
    _Column("ignored", lambda row: f"{row['ignored']:,}", only_with="ignored"),
    _Column("round trip", lambda row: duration_text(row["round_trip"])),
)
