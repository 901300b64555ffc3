"""The exact schema of a database file: a file with any other schema is refused.

Files therefore have no triggers, views, virtual tables or generated columns, which could run without end or read other
data.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from zefnb.core.uid import generate_uid, is_uid

# `key` identifies an entry, `name` is the encoded key, `position` is the order of insertion.
_ENTRIES = (
    "CREATE TABLE entries (position INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, name BLOB NOT NULL, value BLOB)"
)
_IDENTITY = "CREATE TABLE identity (uid TEXT NOT NULL)"


class Format(NamedTuple):
    """A format of files: its number, its version, and the statements that make its tables."""

    # The application id in the head of an SQLite file.
    application: int
    version: int
    kind: str
    statements: tuple[str, ...]
    # The indexes that SQLite makes by itself, with their tables.
    own_indexes: tuple[tuple[str, str], ...] = ()

    @property
    def schema(self) -> set[tuple[bytes, bytes, bytes, bytes | None]]:
        """The rows of SQLite's table of tables."""
        found: set[tuple[bytes, bytes, bytes, bytes | None]] = set()
        for statement in (*self.statements, _IDENTITY):
            words = statement.replace("(", " ").split()
            kind, name = words[1].lower(), words[2]
            table = name if kind == "table" else words[4]
            found.add((kind.encode(), name.encode(), table.encode(), statement.encode()))
        return found | {(b"index", name.encode(), table.encode(), None) for name, table in self.own_indexes}


# 'zefn'
DATABASE = Format(0x7A65666E, 1, "database", (_ENTRIES,), (("sqlite_autoindex_entries_1", "entries"),))
_CHECK_SECONDS = 0.5
_INSTRUCTIONS_PER_CHECK = 1_000


class Connection(sqlite3.Connection):
    """A connection; `ends` is true once the number of its rows has been found to be possible."""

    ends = False


class Foreign(Exception):
    """The file is not a database of zefnb; the text has the reason."""


def make(connection: sqlite3.Connection, file_format: Format) -> None:
    """Create the tables of a new file."""
    for statement in (*file_format.statements, _IDENTITY):
        connection.execute(statement)
    renew_uid(connection)


def renew_uid(connection: sqlite3.Connection) -> str:
    """Give the database a new uid, for the copy of a file whose original is open, too."""
    uid = generate_uid()
    connection.execute("DELETE FROM identity")
    connection.execute("INSERT INTO identity VALUES (?)", (uid,))
    return uid


@contextlib.contextmanager
def limited(connection: sqlite3.Connection) -> Iterator[None]:
    """Interrupt SQLite if a statement takes longer than any statement on zefnb's own files."""
    # In processor time of this thread, so that a busy machine has no influence.
    end = time.thread_time() + _CHECK_SECONDS
    connection.set_progress_handler(lambda: time.thread_time() > end, _INSTRUCTIONS_PER_CHECK)
    try:
        yield
    finally:
        connection.set_progress_handler(None, 0)


def harden(connection: sqlite3.Connection) -> None:
    """Configure SQLite not to trust the file."""
    for pragma in ("trusted_schema = OFF", "cell_size_check = ON", "mmap_size = 0"):
        connection.execute(f"PRAGMA {pragma}")
    for limit in (sqlite3.SQLITE_LIMIT_ATTACHED, sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH):
        connection.setlimit(limit, 0)
    set_config: Any = getattr(connection, "setconfig", None)
    if set_config is not None:  # since Python 3.12
        for config, on in (("DEFENSIVE", True), ("ENABLE_TRIGGER", False), ("ENABLE_VIEW", False)):
            set_config(getattr(sqlite3, f"SQLITE_DBCONFIG_{config}"), on)
    # Text that is not UTF-8 is then refused when it is decoded, with the name of its key in the error.
    connection.text_factory = bytes


def checked_uid(connection: sqlite3.Connection, file_format: Format) -> str:
    """Return the uid of the database. Raises `Foreign` if the schema is not exactly that of `make`."""
    schema = file_format.schema
    with limited(connection):
        limit = len(schema) + 1
        found = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master LIMIT ?", (limit,)).fetchall()
        if len(found) != len(schema) or set(found) != schema:
            raise Foreign("its tables are not those that zefnb makes")
        uids = connection.execute("SELECT uid FROM identity LIMIT 2").fetchall()
    uid = uids[0][0].decode(errors="replace") if len(uids) == 1 and isinstance(uids[0][0], bytes) else ""
    if not is_uid(uid):
        raise Foreign("it does not have exactly one uid")
    return uid
