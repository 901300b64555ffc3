"""The file of a database: opening it, and what to say when that fails."""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from pathlib import Path

from zefnb.errors import StorageFailed
from zefnb.store.scan import Undecodable
from zefnb.store.schema import Connection, Foreign, checked_uid, harden, limited, make

# 'zefn': marks a database file as ours.
_APPLICATION = 0x7A65666E
_VERSION = 1
_BUSY_SECONDS = 5.0
# With these a rollback journal ends that has a further file to be deleted; ours have none.
_NAMES_A_FILE = bytes.fromhex("d9d505f920a163d7")

_ADVICE = {
    sqlite3.SQLITE_NOTADB: "is not a database; choose another path, or move that file away",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened or created; check the path and its permissions",
    sqlite3.SQLITE_READONLY: "may not be written; check the permissions of the file and its directory",
    sqlite3.SQLITE_PERM: "may not be opened; check the permissions of the file and its directory",
    sqlite3.SQLITE_BUSY: "is held by another program; close it there, or try again",
    sqlite3.SQLITE_LOCKED: "is held by another program; close it there, or try again",
    sqlite3.SQLITE_FULL: "has no room left on its disk; nothing of the change was kept",
    sqlite3.SQLITE_CORRUPT: "is damaged; restore it from a copy",
    sqlite3.SQLITE_INTERRUPT: "is damaged; restore it from a copy",
    sqlite3.SQLITE_ERROR: "is damaged; restore it from a copy",
}


def storage_failed(path: str, error: sqlite3.Error | Undecodable | Foreign) -> StorageFailed:
    """What went wrong, in terms of the path and of what can be done."""
    if isinstance(error, Foreign):
        return StorageFailed(f"{path} is damaged: {error}; restore it from a copy")
    if isinstance(error, Undecodable):
        return StorageFailed(f"{path}: a key was refused: {error}")
    # The low byte is the kind; the rest tells more than anybody can act upon.
    code = getattr(error, "sqlite_errorcode", None)
    advice = _ADVICE.get(code & 0xFF) if code is not None else None
    return StorageFailed(f"{path} {advice} ({error})" if advice else f"{path} could not be used: {error}")


def connect(path: str, create: bool = False) -> Connection:
    """A connection for one thread at a time, whose transactions are begun and ended by hand."""
    uri = f"{Path(path).as_uri()}?mode={'rwc' if create else 'rw'}"
    connection = sqlite3.connect(
        uri, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False, factory=Connection, uri=True
    )
    try:
        with limited(connection):  # the first statement reads the texts of all tables, of which there may be many
            _prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    harden(connection)
    # In WAL mode this writes each commit to the system before it is acknowledged, which is what surviving
    # `kill -9` takes. FULL would wait for the disk's platter as well, a hundred times slower, and guards
    # the last commits against a disconnect of power only; none of the modes can corrupt the file.
    connection.execute("PRAGMA synchronous = NORMAL")


def open_file(path: str) -> tuple[Connection, str]:
    """The connection that writes, and the database's uid; makes the file when there is none."""
    _check_place(path)
    try:
        connection = connect(path, create=True)
    except sqlite3.Error as error:
        raise storage_failed(path, error) from None
    try:
        return connection, _prepared(connection, path)
    except (sqlite3.Error, Foreign) as error:
        connection.close()
        raise storage_failed(path, error) from None
    except BaseException:
        connection.close()
        raise


def _check_place(path: str) -> None:
    if os.path.isdir(path):
        raise StorageFailed(f"{path} is a directory; give the path of a file")
    parent = os.path.dirname(path)
    if not os.path.isdir(parent):
        raise StorageFailed(f"{path}: there is no directory {parent}; make it first")
    for each in (path, *(path + suffix for suffix in ("-journal", "-wal", "-shm"))):
        if os.path.lexists(each) and not _is_file(each):
            raise StorageFailed(f"{each} is no file; choose another path, or move it away")
    if _names_a_file(f"{path}-journal"):
        raise StorageFailed(f"{path}-journal is of some other program, and would delete another file; move it away")


def _is_file(path: str) -> bool:
    """Whether that is a file: a pipe or a device may be endless."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except OSError:  # such as links in a circle
        return False


def _names_a_file(journal: str) -> bool:
    try:
        with open(journal, "rb") as file:
            file.seek(-len(_NAMES_A_FILE), os.SEEK_END)
            return file.read() == _NAMES_A_FILE
    except OSError:  # there is none, or it is shorter than that
        return False


def _prepared(connection: sqlite3.Connection, path: str) -> str:
    application = _number(connection, "PRAGMA application_id")
    if application != _APPLICATION:
        _refuse_foreign(connection, path)
        _use_wal(connection)
    else:
        # Before anything is written to what may be from elsewhere.
        _check_version(connection, path)
        checked_uid(connection)
    # Also where nothing is to be made: a file that cannot be written fails here and not later.
    connection.execute("BEGIN IMMEDIATE")
    if _number(connection, "PRAGMA application_id") != _APPLICATION:
        _refuse_foreign(connection, path)
        _make(connection)
    _check_version(connection, path)
    uid = checked_uid(connection)
    connection.execute("COMMIT")
    return uid


def _check_version(connection: sqlite3.Connection, path: str) -> None:
    version = _number(connection, "PRAGMA user_version")
    if version != _VERSION:
        raise StorageFailed(f"{path} is of version {version}, and this zefnb reads version {_VERSION}; update zefnb")


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
    make(connection)
    connection.execute(f"PRAGMA user_version = {_VERSION}")
    connection.execute(f"PRAGMA application_id = {_APPLICATION}")
