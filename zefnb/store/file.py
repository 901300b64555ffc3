"""The file of a database: opening it, and what to say when that fails."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path

from zefnb.core.uid import generate_uid, is_uid
from zefnb.errors import StorageFailed
from zefnb.store.codec import Undecodable
from zefnb.store.table import SCHEMA

# 'zefn': marks a database file as ours.
_APPLICATION = 0x7A65666E
_VERSION = 1
_BUSY_SECONDS = 5.0

_ADVICE = {
    sqlite3.SQLITE_NOTADB: "is not a database; choose another path, or move that file away",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened or created; check the path and its permissions",
    sqlite3.SQLITE_READONLY: "may not be written; check the permissions of the file and its directory",
    sqlite3.SQLITE_PERM: "may not be opened; check the permissions of the file and its directory",
    sqlite3.SQLITE_BUSY: "is held by another program; close it there, or try again",
    sqlite3.SQLITE_LOCKED: "is held by another program; close it there, or try again",
    sqlite3.SQLITE_FULL: "has no room left on its disk; nothing of the change was kept",
    sqlite3.SQLITE_CORRUPT: "is damaged; restore it from a copy",
}


def storage_failed(path: str, error: sqlite3.Error | Undecodable) -> StorageFailed:
    """What went wrong, in terms of the path and of what can be done."""
    if isinstance(error, Undecodable):
        return StorageFailed(f"{path}: a key was refused: {error}")
    # The low byte is the kind; the rest tells more than anybody can act upon.
    code = getattr(error, "sqlite_errorcode", None)
    advice = _ADVICE.get(code & 0xFF) if code is not None else None
    return StorageFailed(f"{path} {advice} ({error})" if advice else f"{path} could not be used: {error}")


def connect(path: str, create: bool = False) -> sqlite3.Connection:
    """A connection for one thread at a time, whose transactions are begun and ended by hand."""
    uri = f"{Path(path).as_uri()}?mode={'rwc' if create else 'rw'}"
    connection = sqlite3.connect(uri, _BUSY_SECONDS, isolation_level=None, check_same_thread=False, uri=True)
    # In WAL mode this writes each commit to the system before it is acknowledged, which is what surviving
    # `kill -9` takes. FULL would wait for the disk's platter as well, a hundred times slower, and guards
    # the last commits against a loss of power only; none of the modes can corrupt the file.
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


def open_file(path: str) -> tuple[sqlite3.Connection, str]:
    """The connection that writes, and the database's uid; makes the file when there is none."""
    _check_place(path)
    try:
        connection = connect(path, create=True)
    except sqlite3.Error as error:
        raise storage_failed(path, error) from None
    try:
        return connection, _prepared(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise storage_failed(path, error) from None
    except StorageFailed:
        connection.close()
        raise


def _check_place(path: str) -> None:
    if os.path.isdir(path):
        raise StorageFailed(f"{path} is a directory; give the path of a file")
    parent = os.path.dirname(path)
    if not os.path.isdir(parent):
        raise StorageFailed(f"{path}: there is no directory {parent}; make it first")


def _prepared(connection: sqlite3.Connection, path: str) -> str:
    application = _number(connection, "PRAGMA application_id")
    if application != _APPLICATION:
        _refuse_foreign(connection, path)
        _use_wal(connection)
    # Also where nothing is to be made: a file that cannot be written fails here and not later.
    connection.execute("BEGIN IMMEDIATE")
    if _number(connection, "PRAGMA application_id") != _APPLICATION:
        _refuse_foreign(connection, path)
        _make(connection)
    version = _number(connection, "PRAGMA user_version")
    if version != _VERSION:
        raise StorageFailed(f"{path} is of version {version}, and this zefnb reads version {_VERSION}; update zefnb")
    uid: str = connection.execute("SELECT uid FROM identity").fetchone()[0]
    connection.execute("COMMIT")
    if not is_uid(uid):
        raise StorageFailed(f"{path} is damaged; restore it from a copy")
    return uid


def _number(connection: sqlite3.Connection, query: str) -> int:
    return int(connection.execute(query).fetchone()[0])


def _refuse_foreign(connection: sqlite3.Connection, path: str) -> None:
    if _number(connection, "SELECT count(*) FROM sqlite_master"):
        raise StorageFailed(f"{path} is an SQLite database of some other program; choose another path")


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch the journal; here SQLite does not wait for other processes by itself."""
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _make(connection: sqlite3.Connection) -> None:
    connection.execute(SCHEMA)
    connection.execute("CREATE TABLE identity (uid TEXT NOT NULL)")
    connection.execute(f"PRAGMA user_version = {_VERSION}")
    connection.execute(f"PRAGMA application_id = {_APPLICATION}")
    renew_uid(connection)


def renew_uid(connection: sqlite3.Connection) -> str:
    """Give the database another identity, as the copy of a file needs beside its original."""
    uid = generate_uid()
    connection.execute("DELETE FROM identity")
    connection.execute("INSERT INTO identity VALUES (?)", (uid,))
    return uid
