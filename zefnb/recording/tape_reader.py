"""Reads the file of a recording, page by page, in any thread."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from zefnb.core.codec.codec import decode
from zefnb.core.codec.scan import Undecodable
from zefnb.core.entity import ET, Topic
from zefnb.core.time import Time, time_at
from zefnb.errors import InvalidValue, StorageFailed
from zefnb.recording.outcome import Connection as Recorded
from zefnb.recording.outcome import Outcome, Step
from zefnb.recording.row import Row
from zefnb.recording.row_cache import PAGE, CachedRow, RowCache
from zefnb.recording.source import KINDS, Entry, Source, row_of
from zefnb.recording.stored_outcome import LastState, StoredOutcome, StoredResult, effects_of
from zefnb.recording.tape import Counts
from zefnb.recording.tape_format import RECORDING, number_in, numbers_in, value_of
from zefnb.store.file import connect, storage_failed
from zefnb.store.forks import GATE, register
from zefnb.store.schema import Connection

# Bytes of contents that a page has at most, unless one content is longer.
_PAGE_BYTES = 16 << 20
# The same of a page that is read for the sake of one row.
_CACHED_PAGE_BYTES = 4 << 20
_FETCHED_TOGETHER = 50
# The fewest bytes of a row.
_SMALLEST_ROW = 8
_REMEMBERED_SOURCES = 10_000
_SHOWN_SOURCES = 1_000
_ROWS = "SELECT number, time, kind, source, form, content FROM rows WHERE number > ? ORDER BY number LIMIT ?"
_SOURCE = "SELECT number, topic, channel_id, path, user, has_actor, state FROM sources"
_RESULT = "SELECT number, row, message, effects, state, error FROM results"
_RESULTS_OF = (
    "SELECT each.number, each.row, each.message, each.effects, each.state, each.error, states.value{contents} "
    "FROM results AS each LEFT JOIN states ON states.number = each.state {rows}"
    "WHERE each.source = ? AND each.number > ? ORDER BY each.number LIMIT ?"
)
_STEPS = _RESULTS_OF.format(contents=", form, content", rows="LEFT JOIN rows ON rows.number = each.row ")
_RESULTS = _RESULTS_OF.format(contents="", rows="")
# As `StoredOutcome(...)`, in a third of the time.
_stored_outcome: Callable[[tuple[Any, ...]], StoredOutcome] = partial(tuple.__new__, StoredOutcome)


class TapeReader:
    """The rows in a file whose format has been checked."""

    def __init__(self, path: str, dropped: int = 0) -> None:
        self.path = path
        # Of the recording in memory that was saved as this file.
        self.dropped = dropped
        self._file = os.stat(path)
        self._cache = RowCache(path, self._file)
        self._idle: deque[Connection] = deque()
        # An open connection keeps SQLite's journal beside the file.
        self._most_idle = 0
        self._sources: dict[int, Source] = {}
        weakref.finalize(self, _close, self._idle)
        register(self)

    def disconnect(self) -> None:
        """Close the file until it is used again. No thread may use it meanwhile."""
        _close(self._idle)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[Connection]:
        try:
            with GATE:
                connection = self._opened()
                try:
                    yield connection
                finally:
                    if len(self._idle) < self._most_idle:
                        self._idle.append(connection)
                    else:
                        connection.close()
        except (Undecodable, InvalidValue) as error:
            raise self._damaged(error) from None
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise storage_failed(self.path, error, RECORDING.kind) from None

    def _damaged(self, error: Exception) -> StorageFailed:
        return StorageFailed(f"{self.path} is damaged: {error}; restore it from a copy")

    def _opened(self) -> Connection:
        with contextlib.suppress(IndexError):
            return self._idle.pop()
        try:
            is_same = os.path.samestat(self._file, os.stat(self.path))
        except OSError:
            is_same = False
        if not is_same:
            raise StorageFailed(f"{self.path} was removed or replaced while the recording was in use; load it again")
        return connect(self.path)

    def __len__(self) -> int:
        cached = self._cache.rows()
        if cached is not None and cached.length is not None:
            return cached.length
        length = self._length()
        if cached is not None and self._cache.rows() is cached:
            cached.length = length
        return length

    def _length(self) -> int:
        with self._reading() as connection:
            # One statement, since the writer may add the first row between two.
            bounds = "SELECT (SELECT min(number) FROM rows), (SELECT max(number) FROM rows)"
            first, last = numbers_in(connection, bounds)
            if last and first != 1:
                raise Undecodable("its first row is missing")
            pages, size = (number_in(connection, f"PRAGMA {name}") for name in ("page_count", "page_size"))
            if last > pages * size // _SMALLEST_ROW:
                raise Undecodable("it has more rows than a file of its size can have")
        return last

    def rows(self, start: int, stop: int) -> list[Row]:
        if stop - start == 1 and (cached := self._cached_row(start)) is not None:
            return [cached]
        found: list[Row] = []
        while start < stop:
            page = self.page(start, min(PAGE, stop - start))
            if not page:
                break
            found += map(row_of, page)
            start += len(page)
        return found

    def _cached_row(self, index: int) -> Row | None:
        """Return a row without opening the file, if its page is cached. Damaged rows are left to `page`."""
        cached = self._cache.rows()
        if cached is None:
            return None
        number, place = divmod(index, PAGE)
        rows = cached.page(number)
        if rows is None:
            rows = self._undecoded(number * PAGE)
            if self._cache.rows() is cached:
                cached.add(number, rows)
        if place >= len(rows):
            return None
        ns, kind, source, form, content = rows[place]
        # Decoded each time, so that a caller that changes the value does not change the recording.
        with contextlib.suppress(Undecodable, InvalidValue):
            return row_of((ns, kind, source, value_of(form, content)))
        return None

    def _undecoded(self, start: int) -> list[CachedRow]:
        """Return the rows from index `start` to the end of the page, or to a damaged row or one after many bytes."""
        found: list[CachedRow] = []
        size = 0
        with self._reading() as connection:
            for line in connection.execute(_ROWS, (start, PAGE)):
                form, content = line[-2:]
                if size > _CACHED_PAGE_BYTES or type(content) is not bytes:
                    break
                try:
                    head = self._head(connection, start + len(found) + 1, line)
                except Undecodable:
                    break
                found.append((*head, form, content))
                size += len(content)
        return found

    def page(self, start: int, most: int = PAGE) -> list[Entry]:
        """Return the rows from index `start`: `most` of them, or fewer if they are long."""
        found: list[Entry] = []
        size, is_over = 0, False
        with self._reading() as connection:
            cursor = connection.execute(_ROWS, (start, most))
            while not is_over and (lines := cursor.fetchmany(_FETCHED_TOGETHER)):
                for line in lines:
                    found.append(self._entry(connection, start + len(found) + 1, line))
                    size += len(line[5])
                    is_over = size > _PAGE_BYTES
                    if is_over:
                        break
        return found

    def _entry(self, connection: Connection, expected: int, line: Any) -> Entry:
        head = self._head(connection, expected, line)
        try:
            return *head, value_of(*line[-2:])
        except Undecodable as error:
            raise Undecodable(f"row {line[0]:,}: {error}") from None

    def _head(self, connection: Connection, expected: int, line: Any) -> tuple[int, int, Source]:
        """Return a row without its content."""
        number, ns, kind, source, *_ = line
        if number != expected:
            raise Undecodable(f"row {expected:,} is missing")
        if type(ns) is not int or type(kind) is not int or not 0 <= kind < len(KINDS):
            raise Undecodable(f"row {number:,} has no time or kind")
        try:
            return ns, kind, self._sources.get(source) or self._source(connection, source)
        except Undecodable as error:
            raise Undecodable(f"row {number:,}: {error}") from None

    def _source(self, connection: Connection, number: Any) -> Source:
        source = self._sources.get(number)
        if source is None:
            line = connection.execute(f"{_SOURCE} WHERE number = ?", (number,)).fetchone()
            if line is None:
                raise Undecodable("its connection or topic is missing")
            source = _source_of(line)
            if len(self._sources) >= _REMEMBERED_SOURCES:
                self._sources.clear()
            self._sources[number] = source
        return source

    def outcome(self, index: int) -> Outcome | None:
        with self._reading() as connection:
            line = connection.execute(f"{_RESULT} WHERE row = ? ORDER BY number DESC", (index + 1,)).fetchone()
            return None if line is None else _outcome(connection, line)

    def connections(self) -> list[Recorded]:
        found, last = [], -1
        while True:
            with self._reading() as connection:
                query = f"{_SOURCE} WHERE has_actor = 1 AND number > ? ORDER BY number LIMIT ?"
                lines = connection.execute(query, (last, PAGE)).fetchall()
                for line in lines:
                    number, _, channel_id, path, user, _, _ = _source_of(line)
                    if number <= last:
                        raise Undecodable("its connections are not in order")
                    last = number
                    state = _state(connection, line[6])
                    found.append(Recorded(number, channel_id or 0, path or "", user, state))
            if len(lines) < PAGE:
                return found

    def steps(self, connection: int) -> Iterator[Step]:
        with self._decoding():
            for line, row, outcome in self._stored(_STEPS, connection):
                if row is None:
                    message = decode(line[2])
                elif line[-1] is None:
                    raise Undecodable(f"row {row + 1:,} is missing")
                else:
                    message = value_of(*line[-2:])
                yield Step(connection, row, message, outcome.decoded())

    def results(self, connection: int) -> Iterator[StoredResult]:
        with self._decoding():
            for line, row, outcome in self._stored(_RESULTS, connection):
                yield row, None if row is not None else decode(line[2]), outcome

    @contextlib.contextmanager
    def _decoding(self) -> Iterator[None]:
        try:
            yield
        except (Undecodable, InvalidValue) as error:
            raise self._damaged(error) from None

    def _stored(self, query: str, connection: int) -> Iterator[tuple[Any, int | None, StoredOutcome]]:
        """Yield the lines of a query for results, each with the index of its row and with its outcome."""
        last, last_state, damaged = 0, LastState(), self._damaged
        while lines := self._lines(query, (connection, last, PAGE)):
            # Each step is decoded when it is wanted: a caller may read many connections at the same time.
            for line in lines:
                number, row, _, effects, state_number, error, state, *_ = line
                if type(number) is not int or number <= last:
                    raise Undecodable("its results are not in order")
                if row is not None and type(row) is not int:
                    raise Undecodable("the number of a row is missing")
                last = number
                text = None if error is None else _text(error)
                fields = (effects, state_number, state, text, last_state, damaged)
                yield line, None if row is None else row - 1, _stored_outcome(fields)

    def _lines(self, query: str, given: tuple[Any, ...]) -> list[Any]:
        """Return the first lines of a query: all, or fewer if they are long."""
        found: list[Any] = []
        size = 0
        with self._reading() as reader:
            for line in reader.execute(query, given):
                found.append(line)
                size += sum([len(part) for part in line if type(part) is bytes])
                if size > _PAGE_BYTES:
                    break
        return found

    def counts(self) -> Counts:
        query = "SELECT number, count FROM sources ORDER BY count DESC LIMIT ?"
        with self._reading() as connection:
            lines = connection.execute(query, (_SHOWN_SOURCES,)).fetchall()
            if any(type(each) is not int for line in lines for each in line):
                raise Undecodable("a number is missing")
            of_sources = [(self._source(connection, number), count) for number, count in lines]
            times = [_time(connection, order) for order in ("ASC", "DESC")]
        return Counts(of_sources, times[0], times[1])

    async def finish(self) -> None:
        """Nothing is to be written."""


def _close(idle: deque[Connection]) -> None:
    with contextlib.suppress(IndexError):
        while True:
            idle.pop().close()


def _time(connection: Connection, order: str) -> Time | None:
    line = connection.execute(f"SELECT time FROM rows ORDER BY number {order} LIMIT 1").fetchone()
    if line is None:
        return None
    if type(line[0]) is not int:
        raise Undecodable("a row has no time")
    return time_at(line[0])


def _source_of(line: Any) -> Source:
    number, topic, channel_id, path, user, has_actor, _ = line
    if type(number) is not int or not (channel_id is None or type(channel_id) is int):
        raise Undecodable("a number is missing")
    made = None if topic is None else ET.Topic(_text(topic))
    shown = None if user is None else decode(user)
    return Source(number, made if isinstance(made, Topic) else None, channel_id, _text(path), shown, bool(has_actor))


def _outcome(connection: Connection, line: Any) -> Outcome:
    _, _, _, effects, state, error = line
    return Outcome(effects_of(effects), _state(connection, state), _text(error))


def _state(connection: Connection, number: Any) -> Any:
    line = connection.execute("SELECT value FROM states WHERE number = ?", (number,)).fetchone()
    if line is None:
        raise Undecodable("a state is missing")
    return decode(line[0])


def _text(stored: Any) -> Any:
    if stored is None:
        return None
    try:
        return stored.decode("utf-8", "surrogatepass")
    except (AttributeError, UnicodeDecodeError):
        raise Undecodable("a name is not text") from None
