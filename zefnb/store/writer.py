"""The writer of a database file: one thread that commits many changes, in order, in one transaction."""

from __future__ import annotations

import contextlib
import os
import queue
import sqlite3
import threading
from typing import Any

from zefnb.engine.worker_thread import WorkerThread
from zefnb.errors import NotRunning, StorageFailed
from zefnb.store.file import connect, storage_failed
from zefnb.store.forks import GATE
from zefnb.store.scan import Undecodable
from zefnb.store.schema import Connection
from zefnb.store.store import Done, Work
from zefnb.store.table import SQLiteTable

_MAX_BATCH = 1_000

Job = tuple[Work[Any], Done]
Outcome = tuple[Any, BaseException | None]


class Writer:
    """Runs work on the table in the order of submission.

    A transaction includes all work that waits when it begins, so that one commit acknowledges many changes. Work that
    fails is undone without the rest.
    """

    def __init__(self, path: str, connection: Connection) -> None:
        self._path = path
        self._connection: Connection | None = connection
        self._file = os.stat(path)
        self._journal = _journal(path)
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        # There is no lock, since a finalizer may interrupt any method, in the same thread, and call it, too.
        self._closed = self._ended = False
        self._thread = WorkerThread(target=self._run, name="zefnb-database", daemon=True)
        self._thread.start()

    def submit(self, work: Work[Any], done: Done) -> None:
        """Submit `work`; `done(result, error)` is called in the writer's thread after the commit."""
        if self._closed:
            raise self._not_running()
        self._jobs.put((work, done))
        if self._ended:
            self._refuse_rest()

    def close(self) -> None:
        """Complete the submitted work, and close the file."""
        self._closed = True
        self._jobs.put(None)
        if threading.current_thread() is not self._thread:  # a finalizer may run in it
            self._thread.join()

    def _not_running(self) -> NotRunning:
        return NotRunning(f"the database {self._path} has been closed")

    def _refuse_rest(self) -> None:
        """Report `NotRunning` for work that was submitted while the writer was closing."""
        with contextlib.suppress(queue.Empty):
            while True:
                job = self._jobs.get_nowait()
                if job is not None:
                    job[1](None, self._not_running())

    def is_at(self, path: str) -> bool:
        """Whether `path` is the file of this writer."""
        try:
            return os.path.samestat(self._file, os.stat(path))
        except OSError:
            return False

    def check_place(self) -> None:
        """Raise `StorageFailed` if the path is now another file: SQLite would use this file's journal for it."""
        if not self.is_at(self._path):
            raise StorageFailed(f"{self._path} was removed or replaced while it was open; create the database again")

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

    def _run(self) -> None:
        is_open = True
        while is_open:
            batch = [self._jobs.get()]
            while len(batch) < _MAX_BATCH and batch[-1] is not None and not self._jobs.empty():
                batch.append(self._jobs.get())
            is_open = batch[-1] is not None
            with GATE:
                self._commit([job for job in batch if job is not None])
                if not is_open:
                    self.disconnect()
            del batch
        # `submit` reads this after it has queued its work: earlier work is refused here, later work there.
        self._ended = True
        self._refuse_rest()

    def _commit(self, jobs: list[Job]) -> None:
        if not jobs:
            return
        try:
            connection = self._begin()
        except Exception as error:
            return self._report(jobs, [(None, error)] * len(jobs))
        try:
            outcomes = [_outcome(connection, work) for work, _ in jobs]
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


def _outcome(connection: Connection, work: Work[Any]) -> Outcome:
    execute = connection.execute
    execute("SAVEPOINT work")
    try:
        result, error = work(SQLiteTable(connection)), None
    except sqlite3.Error:
        raise
    except Exception as raised:
        execute("ROLLBACK TO work")
        result, error = None, raised
    execute("RELEASE work")
    return result, error
