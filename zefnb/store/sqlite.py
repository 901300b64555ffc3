"""The store on disk: an SQLite file, which any thread reads and one thread writes."""

from __future__ import annotations

import contextlib
import sqlite3
from collections import deque
from collections.abc import Iterator
from typing import Any, TypeVar

from zefnb.core.codec.scan import Undecodable
from zefnb.engine.worker_thread import refuse_to_wait
from zefnb.errors import NotRunning
from zefnb.store.file import connect, open_file, storage_failed
from zefnb.store.forks import GATE, check_not_inherited, register
from zefnb.store.schema import Connection, renew_uid
from zefnb.store.store import Done, Work
from zefnb.store.stored_value import restored_value, stored_value
from zefnb.store.table import SQLiteTable
from zefnb.store.waiting import Waiting
from zefnb.store.writer import Writer

T = TypeVar("T")

_IDLE_READERS = 4


class SQLiteStore:
    """Stores zefnb's values in a file. Acknowledged changes are not lost if the process is killed."""

    quick = False

    def __init__(self, path: str) -> None:
        check_not_inherited(path)
        self.path = path
        self._idle: deque[Connection] = deque()
        self._closed = False
        with GATE:
            connection, self.uid = open_file(path)
            self._writer = Writer(path, connection)
            register(self)

    def is_at(self, path: str) -> bool:
        """Whether `path` is the file of this store."""
        return self._writer.is_at(path)

    def renew_uid(self) -> None:
        """Give the database a new uid, since the file from which it was copied is open, too."""
        try:
            with GATE, contextlib.closing(connect(self.path)) as connection:
                connection.execute("BEGIN IMMEDIATE")
                self.uid = renew_uid(connection)
                connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise storage_failed(self.path, error) from None

    def get(self, key: Any) -> Any:
        with self._reading() as table:
            stored = table[key]
        return self.restored(key, stored)

    def keys(self, limit: int = -1) -> list[Any]:
        with self._reading() as table:
            return table.first(limit)

    def items(self) -> list[tuple[Any, Any]]:
        with self._reading() as table:
            rows = table.rows()
        return [(key, self.restored(key, value)) for key, value in rows]

    def __len__(self) -> int:
        with self._reading() as table:
            return len(table)

    def __contains__(self, key: object) -> bool:
        with self._reading() as table:
            return key in table

    def stored(self, key: Any, value: Any) -> bytes:
        return stored_value(key, value)

    def restored(self, key: Any, stored: Any) -> Any:
        return restored_value(self.path, key, stored)

    def write(self, work: Work[T]) -> T:
        refuse_to_wait()
        waiting = Waiting()
        self._writer.submit(work, waiting.done)
        result: T = waiting.result()
        return result

    def submit(self, work: Work[Any], done: Done) -> None:
        self._writer.submit(work, done)

    def close(self) -> None:
        self._closed = True
        with GATE:
            self._close_idle()
        # When the last connection closes, SQLite moves its journal into the file.
        self._writer.close()

    def disconnect(self) -> None:
        """Close the file until it is used again. No thread may use it meanwhile."""
        self._close_idle()
        self._writer.disconnect()

    def _close_idle(self) -> None:
        with contextlib.suppress(IndexError):
            while True:
                self._idle.pop().close()

    @contextlib.contextmanager
    def _reading(self) -> Iterator[SQLiteTable]:
        """Give the caller a connection for reading; each of its queries sees a consistent snapshot."""
        if self._closed:
            raise NotRunning(f"the database {self.path} has been closed")
        try:
            with GATE:
                try:
                    connection = self._idle.pop()
                except IndexError:
                    self._writer.check_place()
                    connection = connect(self.path)
                try:
                    yield SQLiteTable(connection)
                finally:
                    self._put_back(connection)
        except (sqlite3.Error, Undecodable) as error:
            raise storage_failed(self.path, error) from None

    def _put_back(self, connection: Connection) -> None:
        if self._closed or len(self._idle) >= _IDLE_READERS:
            connection.close()
        else:
            self._idle.append(connection)
