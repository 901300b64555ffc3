"""The table of a database file, as a dict of stored values."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator, MutableMapping
from typing import Any

from zefnb.core.codec.codec import decode, encode
from zefnb.core.codec.hash_limit import check_hashes
from zefnb.core.codec.scan import Undecodable
from zefnb.errors import InvalidValue
from zefnb.store.key import canonical_key
from zefnb.store.schema import Connection

# The number of rows that are fetched together.
_ROWS_AT_ONCE = 1_000
# The fewest bytes of a row.
_SMALLEST_ROW = 4
_TOO_MANY_ROWS = "it has more rows than a file of its size can have; restore it from a copy"
# Compares the key of the row, not only that of the index, which may lead to another row.
_PUT = (
    "INSERT INTO entries (key, name, value) VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value "
    "WHERE entries.key = excluded.key"
)


# Other types than a blob are not valid keys.
_KEY = "CASE typeof(key) WHEN 'blob' THEN key END"


class SQLiteTable(MutableMapping[Any, bytes]):
    """Keys and encoded values; its operations are part of the connection's current transaction."""

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
        _named(wanted, name)  # a damaged index may refer to another row
        return value

    def __setitem__(self, key: Any, value: bytes) -> None:
        if not self._execute(_PUT, (canonical_key(key), encode(key), value)).rowcount:
            raise Undecodable("the index leads to another row")

    def __delitem__(self, key: Any) -> None:
        wanted = canonical_key(key)
        row = self._execute("SELECT position, name FROM entries WHERE key = ?", (wanted,)).fetchone()
        if row is None:
            raise KeyError(key)
        position, name = row
        _named(wanted, name)
        self._execute("DELETE FROM entries WHERE position = ?", (position,))

    def __contains__(self, key: object) -> bool:
        return self._execute("SELECT 1 FROM entries WHERE key = ?", (canonical_key(key),)).fetchone() is not None

    def __len__(self) -> int:
        if not self._connection.ends:
            self._check_end()
        return int(self._execute("SELECT count(*) FROM entries").fetchone()[0])

    def _check_end(self) -> None:
        """Raise `Undecodable` if there are more rows than a file of this size can have: counting would not end."""
        limit = self._size() // _SMALLEST_ROW + 1
        counted = self._execute("SELECT count(*) FROM (SELECT 1 FROM entries LIMIT ?)", (limit,)).fetchone()[0]
        if counted == limit:
            raise Undecodable(_TOO_MANY_ROWS)
        self._connection.ends = True

    def __iter__(self) -> Iterator[Any]:
        return iter(self.first())

    def first(self, limit: int = -1) -> list[Any]:
        """Return the first keys, or all if `limit` is negative."""
        rows = self._fetched(self._execute(f"SELECT {_KEY}, name FROM entries ORDER BY position LIMIT ?", (limit,)))
        _refuse_duplicates(rows)
        keys = list(itertools.starmap(_named, rows))
        # The caller may use them as keys of a dict.
        check_hashes(keys)
        return keys

    def rows(self) -> list[tuple[Any, bytes]]:
        """Return a consistent snapshot of keys and encoded values."""
        rows = self._fetched(self._execute(f"SELECT {_KEY}, name, value FROM entries ORDER BY position"))
        _refuse_duplicates(rows)
        return [(_named(stored_key, name), value) for stored_key, name, value in rows]

    def _size(self) -> int:
        """Return the size of the file in bytes, including the pages in its journal."""
        pages, size = (self._execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
        return int(pages * size)

    def _fetched(self, cursor: sqlite3.Cursor) -> list[Any]:
        """Return all rows. Raises `Undecodable` if there are too many: pages may refer to each other in a circle."""
        found: list[Any] = []
        # Read during the query, so that both see the same snapshot.
        remaining = self._size()
        while rows := cursor.fetchmany(_ROWS_AT_ONCE):
            found += rows
            remaining -= len(rows) + sum([len(part) for row in rows for part in row if type(part) is bytes])
            if remaining < 0:
                raise Undecodable(_TOO_MANY_ROWS)
        return found

    def popitem(self) -> tuple[Any, bytes]:
        """Remove and return the last item, as a dict does."""
        row = self._execute(f"SELECT {_KEY}, name, value FROM entries ORDER BY position DESC LIMIT 1").fetchone()
        if row is None:
            raise KeyError("empty")
        stored_key, name, value = row
        key = _named(stored_key, name)
        del self[key]
        return key, value

    def clear(self) -> None:
        self._execute("DELETE FROM entries")


def _refuse_duplicates(rows: list[Any]) -> None:
    """Raise `Undecodable` for a key in two rows: a key that is missing in the index can be inserted again."""
    if len({row[0] for row in rows}) < len(rows):
        raise Undecodable("it is in two rows; restore the file from a copy")


def _named(stored_key: Any, name: Any) -> Any:
    """Return the key `name`, decoded. Raises `Undecodable` if it is not a key, or not the key of this row."""
    key = decode(name)
    try:
        fits = canonical_key(key) == stored_key
    except (InvalidValue, RecursionError):
        fits = False
    if not fits:
        raise Undecodable("it is not a key, or it is the key of another row")
    return key
