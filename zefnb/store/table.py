"""The table of a database file: a connection that looks like a dict of stored values."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator, MutableMapping
from typing import Any

from zefnb.errors import InvalidValue
from zefnb.store.alike import check_hashes
from zefnb.store.codec import decode, encode
from zefnb.store.key import canonical_key
from zefnb.store.scan import Undecodable
from zefnb.store.schema import Connection

# Rows are fetched so many at a time.
_ROWS_AT_ONCE = 1_000
# Bytes that a row takes at least.
_SMALLEST_ROW = 4
_TOO_MANY_ROWS = "there are more rows than the file can hold; restore it from a copy"
_PUT = "INSERT INTO entries (key, name, value) VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"


# As text it would not be found again.
_KEY = "CASE typeof(key) WHEN 'blob' THEN key END"


class SQLiteTable(MutableMapping[Any, bytes]):
    """Keys and encoded values; what it does is part of whatever transaction the connection is in."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._execute = connection.execute

    def __getitem__(self, key: Any) -> bytes:
        wanted = canonical_key(key)
        row = self._execute("SELECT name, value FROM entries WHERE key = ?", (wanted,)).fetchone()
        if row is None:
            raise KeyError(key)
        name: bytes
        value: bytes
        name, value = row
        _named(wanted, name)  # the index may lead to another row
        return value

    def __setitem__(self, key: Any, value: bytes) -> None:
        self._execute(_PUT, (canonical_key(key), encode(key), value))

    def __delitem__(self, key: Any) -> None:
        if not self._execute("DELETE FROM entries WHERE key = ?", (canonical_key(key),)).rowcount:
            raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        return self._execute("SELECT 1 FROM entries WHERE key = ?", (canonical_key(key),)).fetchone() is not None

    def __len__(self) -> int:
        if not self._connection.ends:
            self._check_end()
        return int(self._execute("SELECT count(*) FROM entries").fetchone()[0])

    def _check_end(self) -> None:
        """Once, as counting cannot be stopped: there are no more rows than there can be in a file of that size."""
        limit = self._size() // _SMALLEST_ROW + 1
        counted = self._execute("SELECT count(*) FROM (SELECT 1 FROM entries LIMIT ?)", (limit,)).fetchone()[0]
        if counted == limit:
            raise Undecodable(_TOO_MANY_ROWS)
        self._connection.ends = True

    def __iter__(self) -> Iterator[Any]:
        return iter(self.first())

    def first(self, limit: int = -1) -> list[Any]:
        """The first keys, all where `most` is negative."""
        rows = self._execute(f"SELECT {_KEY}, name FROM entries ORDER BY position LIMIT ?", (limit,))
        keys = list(itertools.starmap(_named, self._fetched(rows)))
        # The caller may make a dict of them.
        check_hashes(keys)
        return keys

    def rows(self) -> list[tuple[Any, bytes]]:
        """Keys and encoded values, of one moment."""
        rows = self._fetched(self._execute(f"SELECT {_KEY}, name, value FROM entries ORDER BY position"))
        return [(_named(stored_key, name), value) for stored_key, name, value in rows]

    def _size(self) -> int:
        """Bytes of the file, with what has not been moved into it yet."""
        pages, size = (self._execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
        return int(pages * size)

    def _fetched(self, cursor: sqlite3.Cursor) -> list[Any]:
        """All rows, unless they are more than there can be: pages that lead in circles would never end."""
        found: list[Any] = []
        # Asked for while the rows are being read, so that it is of the same moment.
        remaining = self._size()
        while rows := cursor.fetchmany(_ROWS_AT_ONCE):
            found += rows
            remaining -= len(rows) + sum([len(part) for row in rows for part in row if type(part) is bytes])
            if remaining < 0:
                raise Undecodable(_TOO_MANY_ROWS)
        return found

    def popitem(self) -> tuple[Any, bytes]:
        """Remove the last, as a dict does."""
        row = self._execute(f"SELECT {_KEY}, name, value FROM entries ORDER BY position DESC LIMIT 1").fetchone()
        if row is None:
            raise KeyError("empty")
        stored_key, name, value = row
        key = _named(stored_key, name)
        del self[key]
        return key, value

    def clear(self) -> None:
        self._execute("DELETE FROM entries")


def _named(stored_key: Any, name: Any) -> Any:
    """The key of that name, by which its row is `kept`; `Undecodable` when it is no key, or another row's."""
    key = decode(name)
    try:
        fits = canonical_key(key) == stored_key
    except (InvalidValue, RecursionError):
        fits = False
    if not fits:
        raise Undecodable("it is no key, or that of another row")
    return key
