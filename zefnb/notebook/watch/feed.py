"""The feed: the clients of all servers as rows, and views that send a window of them as differences.

The browser never holds the whole table. It asks for a window, sorted and searched here, and from then
on gets what changed in it. What all views need (who is connected, the samples of their rates, an order)
is made once per tick and shared.
"""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from zefnb.engine.runtime import Runtime
from zefnb.net.http.servers import Servers
from zefnb.net.websocket.connection import Connection
from zefnb.notebook.overview import brief

SAMPLES = 30
SAMPLE_EVERY = 1.0
MOST_ROWS = 200

COLUMNS = (
    "server", "id", "address", "path", "origin", "since", "in", "out", "rate", "queued", "dropped", "trip", "state",
)  # fmt: skip
_RATE = COLUMNS.index("rate")


class Row:
    """One client, as the table sees it."""

    __slots__ = ("connection", "fixed", "history", "key", "sampled", "server", "text", "total")

    def __init__(self, connection: Connection, server: int, port: int) -> None:
        self.connection = connection
        self.server = server
        self.key = f"{server}:{connection.channel_id}"
        since = round(connection.connect_time.seconds, 3) if connection.connect_time is not None else 0
        self.fixed = [
            port, connection.channel_id, connection.client_ip, connection.path, connection.origin or "", since
        ]  # fmt: skip
        self.text = " ".join(map(str, self.fixed[:5])).lower()
        self.history: deque[float] = deque(maxlen=SAMPLES)
        self.sampled = 0
        self.total = connection.received + connection.sent

    def sample(self, stretch: float) -> None:
        """Note how many messages a second there were since the last sample."""
        total = self.connection.received + self.connection.sent
        moved, self.total = total - self.total, total
        # Who has never said or heard anything costs nothing.
        if moved or self.history:
            self.history.append(round(moved / stretch, 1))
            self.sampled += 1

    @property
    def rate(self) -> float:
        """Messages a second, in and out, at the last sample."""
        return self.history[-1] if self.history else 0.0

    @property
    def state(self) -> str:
        """The state of its actor in short."""
        actor = self.connection.actor
        return brief(actor.state) if actor is not None else ""

    def cells(self) -> list[Any]:
        """Its values in the order of `COLUMNS`; for the rate only how often it was sampled."""
        c = self.connection
        trip = round(c.round_trip * 1000, 2) if c.round_trip is not None else None
        return [*self.fixed, c.received, c.sent, self.sampled, c.queued, c.dropped, trip, self.state]


_SORT_KEYS: dict[str, Callable[[Row], Any]] = {
    "server": lambda row: row.server,
    # Each server counts its own.
    "id": lambda row: (row.server, row.connection.channel_id),
    "address": lambda row: row.connection.client_ip,
    "path": lambda row: row.connection.path,
    "origin": lambda row: row.connection.origin or "",
    "since": lambda row: row.fixed[5],
    "in": lambda row: row.connection.received,
    "out": lambda row: row.connection.sent,
    "rate": lambda row: row.rate,
    "queued": lambda row: row.connection.queued,
    "dropped": lambda row: row.connection.dropped,
    "trip": lambda row: -1.0 if row.connection.round_trip is None else row.connection.round_trip,
    "state": lambda row: row.state,
}


class Query(NamedTuple):
    """Which clients, in which order. `server` is a uid, `None` for all."""

    server: str | None = None
    path: str | None = None
    search: str = ""
    sort: str = "id"
    descending: bool = False


class Clients:
    """The rows of every client of every server. Lives on the loop."""

    def __init__(self, runtime: Runtime) -> None:
        self._servers = runtime.service(Servers)
        self._numbers: dict[str, int] = {}
        self._count = itertools.count()
        self._rows: dict[Connection, Row] = {}
        self._by_key: dict[str, Row] = {}
        self._groups: list[tuple[str, str, list[Row]]] = []
        self._orders: dict[Query, list[Row]] = {}
        self._sampled_at = time.monotonic()

    def refresh(self) -> None:
        """Look who is connected; sample their rates when it is time."""
        self._orders.clear()
        self._groups = []
        rows: dict[Connection, Row] = {}
        known = self._rows
        servers = list(self._servers)
        numbers = self._numbers
        self._numbers = {
            uid: numbers[uid] if uid in numbers else next(self._count) for uid in (str(s.handle._uid) for s in servers)
        }
        for server in servers:
            uid = str(server.handle._uid)
            number = self._numbers[uid]
            by_path: dict[str, list[Row]] = {}
            for connection in server.clients():
                row = known.get(connection)
                if row is None:
                    row = Row(connection, number, server.port)
                rows[connection] = row
                by_path.setdefault(connection.endpoint.path, []).append(row)
            self._groups += [(uid, path, group) for path, group in by_path.items()]
        if rows.keys() != known.keys():
            self._by_key = {row.key: row for row in rows.values()}
        self._rows = rows
        self._sample()

    def _sample(self) -> None:
        now = time.monotonic()
        stretch = now - self._sampled_at
        if stretch >= SAMPLE_EVERY:
            self._sampled_at = now
            for row in self._rows.values():
                row.sample(stretch)

    def find(self, key: str) -> Row | None:
        """The row of that key, if the client is connected."""
        row = self._by_key.get(key)
        return row if row is not None and row.connection.is_open else None

    def ordered(self, query: Query) -> list[Row]:
        """The rows that `query` selects, in its order; made once per tick."""
        found = self._orders.get(query)
        if found is None:
            found = self._orders[query] = self._sorted(query, self._selected(query))
        return found

    def _selected(self, query: Query) -> list[Row]:
        rows = [
            row
            for uid, path, group in self._groups
            if query.server in (None, uid) and query.path in (None, path)
            for row in group
        ]
        words = query.search.lower().split()
        if not words:
            return rows
        return [row for row in rows if all(word in row.text or word in row.state.lower() for word in words)]

    def _sorted(self, query: Query, rows: list[Row]) -> list[Row]:
        rows.sort(key=lambda row: (row.server, row.connection.channel_id))
        rows.sort(key=_SORT_KEYS[query.sort], reverse=query.descending)
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

    def message(self, clients: Clients) -> dict[str, Any] | None:
        """What has changed for the reader since the last message; `None` when nothing has.

        `order` is the window's rows by key, `rows` those that are new in it, `cells` what changed in the
        others by number of column, `start` and `total` where the window is and in how many rows.
        """
        rows = clients.ordered(self.query)
        self.offset = max(0, min(self.offset, len(rows) - self.limit))
        window = rows[self.offset : self.offset + self.limit]
        message: dict[str, Any] = {}
        if (place := (self.offset, len(rows))) != self._told_place:
            message["start"], message["total"] = place
        order = [row.key for row in window]
        if order != self._told_order or self._told_place is None:
            message["order"] = order
        told = {row.key: row.cells() for row in window}
        full = {row.key: _full(row, told[row.key]) for row in window if row.key not in self._told}
        changed = {row.key: c for row in window if (c := self._changes(row, told[row.key]))}
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

    def _changes(self, row: Row, cells: list[Any]) -> dict[int, Any] | None:
        before = self._told.get(row.key)
        if before is None or before == cells:
            return None
        changed = {n: cell for n, (cell, old) in enumerate(zip(cells, before, strict=True)) if cell != old}
        if _RATE in changed:
            # One more sample goes by itself; the reader appends it.
            changed[_RATE] = row.rate if cells[_RATE] == before[_RATE] + 1 else list(row.history)
        return changed


def _full(row: Row, cells: list[Any]) -> list[Any]:
    return [list(row.history) if number == _RATE else cell for number, cell in enumerate(cells)]
