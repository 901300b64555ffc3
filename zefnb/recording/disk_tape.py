"""A tape on disk: rows are written as they arrive. Rows that a reader sees are not lost if the process is killed."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from time import time_ns
from typing import Any

from zefnb.core.codec.scan import Undecodable
from zefnb.core.size import SizeEstimate
from zefnb.engine.runtime import Runtime
from zefnb.recording.columns import SHORT, Columns
from zefnb.recording.source import Source
from zefnb.recording.tape import Result
from zefnb.recording.tape_format import RECORDING, dropped_in
from zefnb.recording.tape_reader import TapeReader
from zefnb.recording.tape_table import TapeTable
from zefnb.store.file import open_file, storage_failed
from zefnb.store.forks import GATE, check_not_inherited
from zefnb.store.schema import Connection
from zefnb.store.writer import Writer

# Seconds, rows and bytes after which rows are passed to the writer.
_FLUSH_INTERVAL = 0.05
_FLUSH_ROWS = 2_048
_FLUSH_BYTES = 1 << 20
# Bytes that wait for the writer. Of more, rows are dropped and counted: a disk may be slower than the clients.
MOST_WAITING = 128 << 20
# Bytes of memory for a row without its content.
_ROW_BYTES = 200


class DiskTape(TapeReader):
    """A file that grows. `add`, its quicker form and `add_result` only append to lists, on the loop."""

    def __init__(self, runtime: Runtime, path: str) -> None:
        check_not_inherited(path)
        with GATE:
            connection, _ = open_file(path, RECORDING)
            try:
                self._table = TapeTable(connection)
                dropped = dropped_in(connection)
            except (sqlite3.Error, Undecodable) as error:
                connection.close()
                raise storage_failed(path, error, RECORDING.kind) from None
            self._writer = Writer(path, connection, _same, RECORDING.kind)
            super().__init__(path, dropped)
        self._most_idle = 2
        self._runtime = runtime
        # Rows in the columns that are passed to the writer.
        self._rows, self._source_count = self._table.rows, self._table.sources
        self._columns = Columns()
        self._results: list[Result] = []
        self._sizes = SizeEstimate()
        # Bytes of the columns but their short texts, and bytes that the writer has.
        self._bytes = self._waiting = 0
        self._timer: asyncio.TimerHandle | None = None
        # Whether the recording is over, or the writer has enough.
        self._is_over = False
        self._drops_rows = self._waiting > MOST_WAITING
        self._lost = 0

    def is_at(self, path: str) -> bool:
        """Whether `path` is the file of this tape."""
        return self._writer.is_at(path)

    def disconnect(self) -> None:
        super().disconnect()
        self._writer.disconnect()

    def new_source(self, source: Source) -> Source:
        self._source_count += 1
        return source._replace(number=self._source_count)

    def adder(self, kind: int, source: Source) -> Callable[[Any], None]:
        origin = kind, source

        def add(content: Any) -> None:
            if self._drops_rows:
                return self._lose()
            columns = self._columns
            contents = columns.contents
            columns.times.append(time_ns())
            columns.origins.append(origin)
            contents.append(content)
            if self._timer is None or type(content) is not str or len(content) > SHORT or len(contents) >= _FLUSH_ROWS:
                self._count(content)
            return None

        return add

    def text_adder(
        self, kind: int, source: Source, receive: Callable[[Any], None], receive_other: Callable[[Any], None]
    ) -> Callable[[Any], None]:
        origin = kind, source

        def add(message: Any) -> None:
            if type(message) is not str:
                return receive_other(message)
            if self._drops_rows:
                self._lose()
                return receive(message)
            columns = self._columns
            contents = columns.contents
            columns.times.append(time_ns())
            columns.origins.append(origin)
            contents.append(message)
            if len(message) > SHORT or self._timer is None or len(contents) >= _FLUSH_ROWS:
                self._count(message)
            return receive(message)

        return add

    def add(self, ns: int, kind: int, source: Source, content: Any) -> int:
        if self._drops_rows:
            self._lose()
            return -1
        columns = self._columns
        columns.times.append(ns)
        columns.origins.append((kind, source))
        columns.contents.append(content)
        number = self._rows + len(columns)
        self._count(content)
        return number

    def _count(self, content: Any) -> None:
        """Count the bytes of the last row, and see that it is written."""
        if type(content) is not str or len(content) > SHORT:
            self._bytes += self._sizes.estimate(content)
        if self._timer is None:
            self._timer = self._runtime.loop.call_later(_FLUSH_INTERVAL, self._flush)
        elif self._bytes > _FLUSH_BYTES or len(self._columns) >= _FLUSH_ROWS:
            self._flush()

    def _lose(self) -> None:
        self._lost += 1
        if self._lost == 1 and not self._is_over:
            text = f"{self.path} is written more slowly than messages arrive; those that do not fit are not recorded"
            self._runtime.journal.note("warning", text, key=("recording lost", self.path))

    def add_result(
        self, source: Source, number: int | None, message: Any, effects: tuple[Any, ...], state: Any, error: str | None
    ) -> None:
        if self._drops_rows or number == -1:
            return
        self._results.append(Result(source, number, message, effects, state, error))
        self._bytes += _ROW_BYTES
        if self._timer is None:
            self._timer = self._runtime.loop.call_later(_FLUSH_INTERVAL, self._flush)
        elif len(self._results) >= _FLUSH_ROWS:
            self._flush()

    def _flush(self) -> None:
        """Pass the lists to the writer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        rows, self._columns = self._columns, Columns()
        results, self._results = self._results, []
        if not rows and not results:
            return
        size, self._bytes = self._bytes + rows.size_of_short_texts() + _ROW_BYTES * len(rows), 0
        self._rows += len(rows)
        self._count_waiting(size)

        def work(connection: Any) -> None:
            self._table.write(connection, rows, results)

        def done(result: Any, error: BaseException | None) -> None:
            self._runtime.call_queue.put(self._written, size, error)

        self._writer.submit(work, done)

    def _written(self, size: int, error: BaseException | None) -> None:
        if error is not None and not self._is_over:
            self._is_over = True
            self._runtime.journal.exception(f"the recording in {self.path} has ended", error)
        self._count_waiting(-size)

    def _count_waiting(self, size: int) -> None:
        self._waiting += size
        self._drops_rows = self._is_over or self._waiting > MOST_WAITING

    async def finish(self) -> None:
        """Write all rows, and close the file for writing."""
        self._flush()
        self._is_over = self._drops_rows = True
        finished: asyncio.Future[None] = self._runtime.loop.create_future()

        def close() -> None:
            self._most_idle = 0
            super(DiskTape, self).disconnect()
            self._writer.close()

        def closed(result: Any, error: BaseException | None) -> None:
            if not finished.done():
                finished.set_result(None)

        self._runtime.handler_threads.submit(closed, close)
        await finished


def _same(connection: Connection) -> Connection:
    return connection
