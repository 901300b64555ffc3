"""The file of a database: opening it, and the errors if that fails."""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from pathlib import Path

from zefnb.core.codec.scan import Undecodable
from zefnb.errors import StorageFailed
from zefnb.store.schema import DATABASE, Connection, Foreign, Format, checked_uid, harden, limited, make

_BUSY_SECONDS = 5.0
# The end of a rollback journal that names a further file to delete; zefnb's journals name none.
_NAMES_A_FILE = bytes.fromhex("d9d505f920a163d7")

_ADVICE = {
    sqlite3.SQLITE_CANTOPEN: "cannot be opened or created; check the path and its permissions",
    sqlite3.SQLITE_READONLY: "cannot be written; check the permissions of the file and its directory",
    sqlite3.SQLITE_PERM: "cannot be opened; check the permissions of the file and its directory",
    sqlite3.SQLITE_BUSY: "is locked by another program; close it there, or try again",
    sqlite3.SQLITE_LOCKED: "is locked by another program; close it there, or try again",
    sqlite3.SQLITE_FULL: "cannot grow, since its disk is full; nothing of the change was stored",
    sqlite3.SQLITE_CORRUPT: "is damaged; restore it from a copy",
    sqlite3.SQLITE_INTERRUPT: "is damaged; restore it from a copy",
    sqlite3.SQLITE_ERROR: "is damaged; restore it from a copy",
}


def storage_failed(
    path: str, error: sqlite3.Error | Undecodable | Foreign | UnicodeDecodeError, kind: str = DATABASE.kind
) -> StorageFailed:
    """Return the error for a failure on a file that should be a database or another `kind`, with advice."""
    # SQLite's own error may quote a damaged schema, which `sqlite3` cannot decode.
    if isinstance(error, Foreign | UnicodeDecodeError):
        return StorageFailed(f"{path} is damaged: {error}; restore it from a copy")
    if isinstance(error, Undecodable):
        return StorageFailed(f"{path}: a key cannot be read: {error}")
    # The low byte is the kind of the error; the other bytes have details that do not change the advice.
    code = getattr(error, "sqlite_errorcode", None)
    if code == sqlite3.SQLITE_NOTADB:
        return StorageFailed(f"{path} is not a {kind}; choose another path, or move that file away")
    advice = _ADVICE.get(code & 0xFF) if code is not None else None
    return StorageFailed(f"{path} {advice} ({error})" if advice else f"{path} could not be used: {error}")


def connect(path: str, create: bool = False) -> Connection:
    """Return a connection for one thread at a time, without automatic transactions."""
    uri = f"{Path(path).as_uri()}?mode={'rwc' if create else 'rw'}"
    connection = sqlite3.connect(
        uri, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False, factory=Connection, uri=True
    )
    try:
        with limited(connection):  # the first statement reads the schema, which may have any number of tables
            _prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    harden(connection)
    # In WAL mode, each commit is passed to the system before it is acknowledged, so that it survives `kill -9`. FULL
    # would also wait for the disk, which is a hundred times slower and protects the last commits only against a power
    # failure. No mode can corrupt the file.
    connection.execute("PRAGMA synchronous = NORMAL")


def open_file(path: str, file_format: Format = DATABASE, create: bool = True) -> tuple[Connection, str]:
    """Return the connection of the writer, and the uid of the file; with `create`, make the file if there is none."""
    _check_place(path)
    try:
        connection = connect(path, create=create)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise storage_failed(path, error, file_format.kind) from None
    try:
        return connection, _prepared(connection, path, file_format, create)
    except (sqlite3.Error, Foreign, UnicodeDecodeError) as error:
        connection.close()
        raise storage_failed(path, error, file_format.kind) from None
    except BaseException:
        connection.close()
        raise


def _check_place(path: str) -> None:
    if os.path.isdir(path):
        raise StorageFailed(f"{path} is a directory; give the path of a file")
    parent = os.path.dirname(path)
    if not os.path.isdir(parent):
        raise StorageFailed(f"{path}: there is no directory {parent}; create it first")
    for each in (path, *(path + suffix for suffix in ("-journal", "-wal", "-shm"))):
        if _is_no_file(each):
            raise StorageFailed(f"{each} is not a file; choose another path, or move it away")
    if _names_a_file(f"{path}-journal"):
        raise StorageFailed(f"{path}-journal belongs to another program, and would delete another file; move it away")


def _is_no_file(path: str) -> bool:
    """Whether `path` is there but no regular file; a pipe or a device may have no end.

    Another process may remove the file at any time, as SQLite removes `-wal` and `-shm`.
    """
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        return False
    if not stat.S_ISLNK(mode):
        return not stat.S_ISREG(mode)
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)
    except OSError:  # for example links to each other
        return True


def _names_a_file(journal: str) -> bool:
    try:
        with open(journal, "rb") as file:
            file.seek(-len(_NAMES_A_FILE), os.SEEK_END)
            return file.read() == _NAMES_A_FILE
    except OSError:  # there is no journal, or it is shorter
        return False


def _prepared(connection: sqlite3.Connection, path: str, file_format: Format, create: bool) -> str:
    application = _number(connection, "PRAGMA application_id")
    if application != file_format.application:
        _refuse_foreign(connection, path, file_format.kind)
        if not create:
            raise StorageFailed(f"{path} is empty; choose the file of a {file_format.kind}")
        _use_wal(connection)
    else:
        # Checked before anything is written, since the file may come from another machine.
        _check_version(connection, path, file_format)
        checked_uid(connection, file_format)
    # Also for an existing file: one that cannot be written fails here and not later.
    connection.execute("BEGIN IMMEDIATE")
    if _number(connection, "PRAGMA application_id") != file_format.application:
        _refuse_foreign(connection, path, file_format.kind)
        _make(connection, file_format)
    _check_version(connection, path, file_format)
    uid = checked_uid(connection, file_format)
    connection.execute("COMMIT")
    return uid


def _check_version(connection: sqlite3.Connection, path: str, file_format: Format) -> None:
    version, known = _number(connection, "PRAGMA user_version"), file_format.version
    if version != known:
        raise StorageFailed(f"{path} has version {version}, but this zefnb reads version {known}; update zefnb")


def _number(connection: sqlite3.Connection, query: str) -> int:
    return int(connection.execute(query).fetchone()[0])


def _refuse_foreign(connection: sqlite3.Connection, path: str, kind: str) -> None:
    if _number(connection, "SELECT count(*) FROM sqlite_master"):
        raise StorageFailed(f"{path} is an SQLite database, but not a {kind} of zefnb; choose another path")


def _use_wal(connection: sqlite3.Connection) -> None:
    """Set the journal mode, and wait for other processes, which SQLite does not do for this statement."""
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _make(connection: sqlite3.Connection, file_format: Format) -> None:
    make(connection, file_format)
    connection.execute(f"PRAGMA user_version = {file_format.version}")
    connection.execute(f"PRAGMA application_id = {file_format.application}")
