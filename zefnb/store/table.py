"""The table of a database file: a connection that looks like a dict of stored values."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator, MutableMapping
from typing import Any

from zefnb.store.codec import decode, encode
from zefnb.store.key import canonical_key

# `key` finds it again, `name` is the key as it was given, `position` keeps the order of insertion.
SCHEMA = "CREATE TABLE entries (position INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, name BLOB NOT NULL, value BLOB)"
_PUT = "INSERT INTO entries (key, name, value) VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"


class SQLiteTable(MutableMapping[Any, bytes]):
    """Keys and encoded values; what it does is part of whatever transaction the connection is in."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute

    def __getitem__(self, key: Any) -> bytes:
        row = self._execute("SELECT value FROM entries WHERE key = ?", (canonical_key(key),)).fetchone()
        if row is None:
            raise KeyError(key)
        value: bytes = row[0]
        return value

    def __setitem__(self, key: Any, value: bytes) -> None:
        self._execute(_PUT, (canonical_key(key), encode(key), value))

    def __delitem__(self, key: Any) -> None:
        if not self._execute("DELETE FROM entries WHERE key = ?", (canonical_key(key),)).rowcount:
            raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        return self._execute("SELECT 1 FROM entries WHERE key = ?", (canonical_key(key),)).fetchone() is not None

    def __len__(self) -> int:
        return int(self._execute("SELECT count(*) FROM entries").fetchone()[0])

    def __iter__(self) -> Iterator[Any]:
        return iter(self.first())

    def first(self, most: int = -1) -> list[Any]:
        """The first keys, all where `most` is negative."""
        rows = self._execute("SELECT name FROM entries ORDER BY position LIMIT ?", (most,))
        return [decode(name) for name in itertools.chain.from_iterable(rows)]

    def rows(self) -> list[tuple[bytes, bytes]]:
        """Encoded keys and values, of one moment."""
        return self._execute("SELECT name, value FROM entries ORDER BY position").fetchall()

    def popitem(self) -> tuple[Any, bytes]:
        """Remove the last, as a dict does."""
        row = self._execute("SELECT name, value FROM entries ORDER BY position DESC LIMIT 1").fetchone()
        if row is None:
            raise KeyError("empty")
        key = decode(row[0])
        del self[key]
        return key, row[1]

    def clear(self) -> None:
        self._execute("DELETE FROM entries")
