"""What is in a database file, to the letter: a file from elsewhere with anything else in it is refused.

So there are no triggers, views, virtual tables or generated columns, which could run endlessly or reach further.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from typing import Any

from zefnb.core.uid import generate_uid, is_uid

# `key` finds it again, `name` is the key as it was given, `position` keeps the order of insertion.
_ENTRIES = (
    "CREATE TABLE entries (position INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, name BLOB NOT NULL, value BLOB)"
)
_IDENTITY = "CREATE TABLE identity (uid TEXT NOT NULL)"
_SCHEMA = {
    (b"table", b"entries", b"entries", _ENTRIES.encode()),
    (b"index", b"sqlite_autoindex_entries_1", b"entries", None),
    (b"table", b"identity", b"identity", _IDENTITY.encode()),
}
_CHECK_SECONDS = 0.5
_CHECK_EVERY = 1_000


class Connection(sqlite3.Connection):
    """A connection that remembers whether its rows were seen to come to an end."""

    ends = False


class Foreign(Exception):
    """The file holds something else than a database of zefnb; the text says what is wrong."""


def make(connection: sqlite3.Connection) -> None:
    """The tables of a new database."""
    connection.execute(_ENTRIES)
    connection.execute(_IDENTITY)
    renew_uid(connection)


def renew_uid(connection: sqlite3.Connection) -> str:
    """Give the database another identity, as the copy of a file needs beside its original."""
    uid = generate_uid()
    connection.execute("DELETE FROM identity")
    connection.execute("INSERT INTO identity VALUES (?)", (uid,))
    return uid


@contextlib.contextmanager
def limited(connection: sqlite3.Connection) -> Iterator[None]:
    """Interrupt SQLite when it takes longer than what is in our files can take."""
    # Of this thread's own time, so that a busy machine does not count.
    end = time.thread_time() + _CHECK_SECONDS
    connection.set_progress_handler(lambda: time.thread_time() > end, _CHECK_EVERY)
    try:
        yield
    finally:
        connection.set_progress_handler(None, 0)


def harden(connection: sqlite3.Connection) -> None:
    """Have SQLite trust nothing in the file."""
    for pragma in ("trusted_schema = OFF", "cell_size_check = ON", "mmap_size = 0"):
        connection.execute(f"PRAGMA {pragma}")
    for limit in (sqlite3.SQLITE_LIMIT_ATTACHED, sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH):
        connection.setlimit(limit, 0)
    set_config: Any = getattr(connection, "setconfig", None)
    if set_config is not None:  # since Python 3.12
        for config, on in (("DEFENSIVE", True), ("ENABLE_TRIGGER", False), ("ENABLE_VIEW", False)):
            set_config(getattr(sqlite3, f"SQLITE_DBCONFIG_{config}"), on)
    # So that text which is no UTF-8 is refused where it is decoded, under the name of its key.
    connection.text_factory = bytes


def checked_uid(connection: sqlite3.Connection) -> str:
    """The uid of the database; `Foreign` when anything in the file is not as `make` makes it."""
    with limited(connection):
        found = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master LIMIT 9").fetchall()
        if len(found) != len(_SCHEMA) or set(found) != _SCHEMA:
            raise Foreign("its tables are not those that zefnb makes")
        uids = connection.execute("SELECT uid FROM identity LIMIT 2").fetchall()
    uid = uids[0][0].decode(errors="replace") if len(uids) == 1 and isinstance(uids[0][0], bytes) else ""
    if not is_uid(uid):
        raise Foreign("it has no identity, or not one")
    return uid
