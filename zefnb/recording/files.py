"""The files of recordings: opening one, and saving a recording as one."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Sequence
from typing import Any

from zefnb.core.codec.scan import Undecodable
from zefnb.errors import FieldError, InvalidEffect, InvalidValue, StorageFailed
from zefnb.recording.columns import Columns
from zefnb.recording.memory_tape import MemoryTape
from zefnb.recording.recording import Recording
from zefnb.recording.tape_format import RECORDING, dropped_in, write_dropped
from zefnb.recording.tape_reader import TapeReader
from zefnb.recording.tape_table import TapeTable
from zefnb.store.file import connect, open_file, storage_failed
from zefnb.store.forks import GATE, check_not_inherited
from zefnb.store.schema import Connection

_WRITTEN_TOGETHER = 5_000
_PART = ".part"


def resolved(subject: str, path: str | os.PathLike[str]) -> str:
    """Return the absolute path of a file, without links. Raises `InvalidEffect` for an invalid path."""
    text = os.fsdecode(path)
    if not text or "\0" in text:
        raise InvalidEffect(subject, [FieldError("path", f"got {text!r}", "the path of a file")])
    return os.path.realpath(os.path.expanduser(text))


def load(path: str) -> Recording:
    """Open the recording in a file. Its rows are read when they are used. Raises `StorageFailed`."""
    return Recording(TapeReader(path, _checked(path)), os.path.basename(path))


def _checked(path: str) -> int:
    """Check that a file is a recording. Returns the number of rows that were dropped before it was saved."""
    if not os.path.exists(path):
        raise StorageFailed(f"{path} does not exist; FX.SaveRecording(recording=..., path=...) makes such a file")
    check_not_inherited(path)
    with GATE:
        connection, _ = open_file(path, RECORDING, create=False)
        with contextlib.closing(connection):
            (page_size,) = connection.execute("PRAGMA page_size").fetchone()
            dropped = _dropped(connection, path)
    if os.path.getsize(path) % page_size:
        # SQLite would read zeros in place of the end of the last page.
        raise StorageFailed(f"{path} is damaged: its end is missing; restore it from a copy")
    return dropped


def _dropped(connection: Connection, path: str) -> int:
    try:
        return dropped_in(connection)
    except sqlite3.Error as error:
        raise storage_failed(path, error, RECORDING.kind) from None
    except (Undecodable, InvalidValue) as error:
        raise StorageFailed(f"{path} is damaged: {error}; restore it from a copy") from None


def check_unused(path: str) -> None:
    """Raise `StorageFailed` if another program has the file open: two would write rows of the same numbers."""
    journal = f"{path}-wal"
    if os.path.exists(journal) and os.path.exists(path):
        _checked(path)  # which also moves the journal of a program that was killed into it
        if os.path.exists(journal):
            raise StorageFailed(f"{path} is in use; stop its recording, or choose another path")


def save(recording: Recording, path: str) -> int:
    """Write a recording to a file, which replaces a recording at that path. Returns the number of rows."""
    if isinstance(recording.tape, TapeReader) and recording.tape.path == path:
        return len(recording)  # replacing the file would take it from under the recording
    if os.path.exists(path):
        _checked(path)
        check_unused(path)
    part = path + _PART
    _remove(part)
    try:
        rows = _write(recording, part)
        os.replace(part, path)
    except sqlite3.Error as error:
        _remove(part)
        raise storage_failed(path, error, RECORDING.kind) from None
    except OSError as error:
        _remove(part)
        raise StorageFailed(f"{path} cannot be written: {error}") from None
    except BaseException:
        _remove(part)
        raise
    return rows


def _remove(part: str) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(part + suffix)


def _write(recording: Recording, path: str) -> int:
    tape: Any = recording.tape
    with GATE:
        connection, _ = open_file(path, RECORDING)
        with contextlib.closing(connection):
            if not isinstance(tape, MemoryTape):
                with contextlib.closing(connect(tape.path)) as opened:
                    opened.backup(connection)
                return TapeTable(connection).rows
            dropped, entries, tracks = tape.copied()
            if dropped:
                write_dropped(connection, dropped)
            table, states = TapeTable(connection), {source.number: source for source, _ in tracks}
            for part in _parts(entries):
                rows = [(ns, kind, states.get(source.number, source), content) for ns, kind, source, content in part]
                _commit(connection, table, Columns.of(rows), ())
            for source, results in tracks:
                for part in _parts([result._replace(source=source) for result in results]):
                    _commit(connection, table, Columns(), part)
    return len(entries)


def _parts(items: list[Any]) -> list[list[Any]]:
    return [items[start : start + _WRITTEN_TOGETHER] for start in range(0, len(items), _WRITTEN_TOGETHER)]


def _commit(connection: Any, table: TapeTable, rows: Columns, results: Sequence[Any]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    table.write(connection, rows, results)
    connection.execute("COMMIT")
