"""The writer of a database file: one thread that commits many changes, in order, in one transaction."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable
from typing import Any

from zefnb.core.codec.scan import Undecodable
from zefnb.errors import NotRunning, StorageFailed
from zefnb.store.batch_thread import BatchThread, Job, Outcome
from zefnb.store.file import connect, storage_failed
from zefnb.store.forks import GATE
from zefnb.store.schema import Connection
from zefnb.store.store import Done, Work
from zefnb.store.table import SQLiteTable


class Writer:
    """Runs work on the table in the order of submission.

    A transaction includes all work that waits when it begins, so that one commit acknowledges many changes. Work that
    fails is undone without the rest.
    """

    def __init__(
        self,
        path: str,
        connection: Connection,
        table: Callable[[Connection], Any] = SQLiteTable,
        kind: str = "database",
    ) -> None:
        self._path = path
        self._table = table
        self._kind = kind
        self._connection: Connection | None = connection
        self._file = os.stat(path)
        self._journal = _journal(path)
        self._batches = BatchThread(f"zefnb-{kind}", self._perform, self._not_running, self._finish)

    def submit(self, work: Work[Any], done: Done) -> None:
        """Submit `work`; `done(result, error)` is called in the writer's thread after the commit."""
        self._batches.submit(work, done)

    def close(self) -> None:
        """Complete the submitted work, and close the file."""
        self._batches.close()

    def _not_running(self) -> NotRunning:
        return NotRunning(f"the {self._kind} {self._path} has been closed")

    def is_at(self, path: str) -> bool:
        """Whether `path` is the file of this writer."""
        try:
            return os.path.samestat(self._file, os.stat(path))
        except OSError:
            return False

    def check_place(self) -> None:
        """Raise `StorageFailed` if the path is now another file: SQLite would use this file's journal for it."""
        if not self.is_at(self._path):
            raise StorageFailed(
                f"{self._path} was removed or replaced while it was open; create the {self._kind} again"
            )

    def disconnect(self) -> None:
        """Close the file until there is work again. The writer must be idle."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            if not self.is_at(self._path):
                self._remove_journal()

    def _remove_journal(self) -> None:
        """Remove the journal of a file that has been removed: SQLite would otherwise write it into the next file."""
        with contextlib.suppress(OSError):
            if self._journal is not None and os.path.samestat(self._journal, os.stat(f"{self._path}-wal")):
                os.unlink(f"{self._path}-wal")
                os.unlink(f"{self._path}-shm")

    def _perform(self, jobs: list[Job]) -> None:
        with GATE:
            self._commit(jobs)

    def _finish(self) -> None:
        with GATE:
            self.disconnect()

    def _commit(self, jobs: list[Job]) -> None:
        try:
            connection = self._begin()
        except Exception as error:
            return self._report(jobs, [(None, error)] * len(jobs))
        try:
            outcomes = [_outcome(connection, self._table, work) for work, _ in jobs]
            connection.execute("COMMIT")
        except BaseException as error:
            # After some errors SQLite has already rolled back, so that this may fail.
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            if len(jobs) == 1:
                return self._report(jobs, [(None, error)])
            # One job may have filled the disk: commit the others without it.
            for job in jobs:
                self._commit([job])
            return None
        return self._report(jobs, outcomes)

    def _begin(self) -> Connection:
        self.check_place()
        if self._connection is not None:
            self._connection.execute("BEGIN IMMEDIATE")
            return self._connection
        self._connection = connect(self._path)
        self._connection.execute("BEGIN IMMEDIATE")
        self._journal = _journal(self._path)
        return self._connection

    def _report(self, jobs: list[Job], outcomes: list[Outcome]) -> None:
        for (_, done), (result, error) in zip(jobs, outcomes, strict=True):
            if isinstance(error, sqlite3.Error | Undecodable):
                error = storage_failed(self._path, error)
            done(result, error)


def _journal(path: str) -> os.stat_result | None:
    with contextlib.suppress(OSError):
        return os.stat(f"{path}-wal")
    return None


def _outcome(connection: Connection, table: Callable[[Connection], Any], work: Work[Any]) -> Outcome:
    execute = connection.execute
    execute("SAVEPOINT work")
    try:
        result, error = work(table(connection)), None
    except sqlite3.Error:
        raise
    except Exception as raised:
        execute("ROLLBACK TO work")
        result, error = None, raised
    execute("RELEASE work")
    return result, error
