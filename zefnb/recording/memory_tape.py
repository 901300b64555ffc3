"""A tape in memory: the newest rows, bounded in number and in bytes."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator
from time import time_ns
from typing import Any, NamedTuple

from zefnb.core.size import rough_size
from zefnb.core.time import time_at
from zefnb.recording.columns import SHORT, Columns
from zefnb.recording.outcome import Connection, Outcome, Step
from zefnb.recording.row import Row
from zefnb.recording.source import Entry, Source, row_of
from zefnb.recording.stored_outcome import StoredResult
from zefnb.recording.tape import Counts, Result

# Bytes of contents, states and effects.
MOST_BYTES = 256 << 20
# Rows, and bytes, that are dropped together.
_CHUNK_ROWS = 1_024
_CHUNK_BYTES = MOST_BYTES >> 5
_SIZED = (str, bytes)


class _Chunk(Columns):
    """Consecutive rows. `first` is the number of its first row."""

    __slots__ = ("bytes", "first")

    def __init__(self, first: int) -> None:
        super().__init__()
        self.first = first
        self.bytes = 0

    @property
    def end(self) -> int:
        """The number of the row after its last."""
        return self.first + len(self)


class _Result(NamedTuple):
    """The result of a handler; `number` is that of its row, if a client sent the message."""

    number: int | None
    # The number of the next row when the result was stored, by which it is dropped.
    position: int
    message: Any
    outcome: Outcome


class _Track:
    """The results of one connection in order, and the state before the first of them."""

    __slots__ = ("results", "source", "state")

    def __init__(self, source: Source) -> None:
        self.source = source
        self.state = source.state
        self.results: list[_Result] = []


class MemoryTape:
    """Keeps the newest rows. Only the loop changes it; other threads read consistent lists without a lock."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._chunks: list[_Chunk] = [_Chunk(0)]
        self._chunk = self._chunks[0]
        self._bytes = 0
        self._sources = 0
        self._tracks: dict[int, _Track] = {}
        self._of_row: dict[int, _Result] = {}

    # On the loop

    def new_source(self, source: Source) -> Source:
        made = source._replace(number=self._sources)
        self._sources += 1
        if made.has_actor:
            self._tracks[made.number] = _Track(made)
        return made

    def adder(self, kind: int, source: Source) -> Callable[[Any], None]:
        origin = kind, source

        def add(content: Any) -> None:
            chunk = self._chunk
            contents = chunk.contents
            chunk.times.append(time_ns())
            chunk.origins.append(origin)
            contents.append(content)
            if type(content) is not str or len(content) > SHORT or len(contents) >= _CHUNK_ROWS:
                self._count(content)

        return add

    def text_adder(
        self, kind: int, source: Source, receive: Callable[[Any], None], receive_other: Callable[[Any], None]
    ) -> Callable[[Any], None]:
        origin = kind, source

        def add(message: Any) -> None:
            if type(message) is not str:
                return receive_other(message)
            chunk = self._chunk
            contents = chunk.contents
            chunk.times.append(time_ns())
            chunk.origins.append(origin)
            contents.append(message)
            if len(message) > SHORT or len(contents) >= _CHUNK_ROWS:
                self._count(message)
            return receive(message)

        return add

    def add(self, ns: int, kind: int, source: Source, content: Any) -> int:
        chunk = self._chunk
        chunk.times.append(ns)
        chunk.origins.append((kind, source))
        chunk.contents.append(content)
        number = chunk.end - 1
        self._count(content)
        return number

    def _count(self, content: Any) -> None:
        """Count the bytes of the last row, and begin the next chunk if this one is full."""
        chunk = self._chunk
        if type(content) is not str or len(content) > SHORT:
            chunk.bytes += len(content) if type(content) in _SIZED else rough_size(content)
        if chunk.bytes >= _CHUNK_BYTES or len(chunk) >= _CHUNK_ROWS:
            self._next_chunk()

    def _next_chunk(self) -> None:
        full = self._chunk
        full.bytes += full.size_of_short_texts()
        self._bytes += full.bytes
        end = full.end
        self._chunk = _Chunk(end)
        chunks = [*self._chunks, self._chunk]
        while len(chunks) > 2 and (chunks[1].first <= end - self._keep or self._bytes > MOST_BYTES):
            self._bytes -= chunks.pop(0).bytes
        first = chunks[0].first
        is_shorter = first > self._chunks[0].first
        self._chunks = chunks
        if is_shorter:
            self._drop_results(first)

    def _drop_results(self, first: int) -> None:
        """Drop the results that belong to rows before `first`, and the connections that have none any more."""
        in_use = {source.number for chunk in self._chunks for _, source in chunk.origins} if self._tracks else set()
        for number, track in list(self._tracks.items()):
            count = 0
            for result in track.results:
                if result.position > first:
                    break
                count += 1
                track.state = result.outcome.state
                if result.number is not None:
                    self._of_row.pop(result.number, None)
            del track.results[:count]
            if not track.results and number not in in_use:
                del self._tracks[number]

    def add_result(
        self, source: Source, number: int | None, message: Any, effects: tuple[Any, ...], state: Any, error: str | None
    ) -> None:
        track = self._tracks.get(source.number)
        if track is None:  # its rows were dropped
            track = self._tracks[source.number] = _Track(source._replace(state=None))
        position = self._chunk.end
        result = _Result(number, position, message, Outcome(effects, state, error))
        previous = track.results[-1] if track.results else None
        if previous is not None and number is not None and previous.number == number:
            track.results[-1] = result
        else:
            track.results.append(result)
        if number is not None:
            self._of_row[number] = result
        last = previous.outcome.state if previous is not None else track.state
        self._chunk.bytes += sum(map(rough_size, effects)) + (0 if state is last else rough_size(state))

    async def finish(self) -> None:
        """Nothing is to be written."""

    # In any thread

    @property
    def _view(self) -> tuple[list[_Chunk], int, int]:
        """The chunks, and the numbers of the first row and of the one after the last."""
        chunks = self._chunks
        end = chunks[-1].end
        return chunks, max(chunks[0].first, end - self._keep), end

    @property
    def dropped(self) -> int:
        """The number of rows that were dropped."""
        return self._view[1]

    def __len__(self) -> int:
        _, first, end = self._view
        return end - first

    def _entries(self, start: int, stop: int) -> list[Entry]:
        chunks, first, end = self._view
        start, stop = first + start, min(first + stop, end)
        found: list[Entry] = []
        place = bisect_right(chunks, start, key=_first_of) - 1
        for chunk in chunks[place:]:
            if chunk.first >= stop:
                break
            found += chunk.entries(max(0, start - chunk.first), stop - chunk.first)
        return found

    def rows(self, start: int, stop: int) -> list[Row]:
        return list(map(row_of, self._entries(start, stop)))

    def outcome(self, index: int) -> Outcome | None:
        result = self._of_row.get(self._view[1] + index)
        return None if result is None else result.outcome

    def connections(self) -> list[Connection]:
        found = []
        for track, state in self._tracks_from(self._view[1]):
            number, _, channel_id, path, user, _, _ = track.source
            found.append(Connection(number, channel_id or 0, path or "", user, state))
        return found

    def steps(self, connection: int) -> Iterator[Step]:
        chunks, first, _ = self._view
        chunk = chunks[0]
        for row, message, outcome in self._results(connection, first):
            if row is not None:
                number = first + row
                if not chunk.first <= number < chunk.end:
                    chunk = chunks[bisect_right(chunks, number, key=_first_of) - 1]
                message = chunk.contents[number - chunk.first]
            yield Step(connection, row, message, outcome)

    def results(self, connection: int) -> Iterator[StoredResult]:
        return self._results(connection, self._view[1])

    def _results(self, connection: int, first: int) -> Iterator[tuple[int | None, Any, Outcome]]:
        """Yield the results of a connection, for the rows from number `first` on."""
        for number, position, message, outcome in list(self._tracks[connection].results):
            if position <= first:
                continue
            if number is None:
                yield None, message, outcome
            elif number >= first:
                yield number - first, None, outcome

    def page(self, start: int) -> list[Entry]:
        return self._entries(start, start + _CHUNK_ROWS)

    def copied(self) -> tuple[int, list[Entry], list[tuple[Source, list[Result]]]]:
        """Return how many rows were dropped, the others, and the results of each connection, with rows from 1."""
        chunks, first, end = self._view
        entries = [entry for chunk in chunks for entry in chunk.entries()][
            first - chunks[0].first : end - chunks[0].first
        ]
        tracks = []
        for track, state in self._tracks_from(first):
            results = [
                Result(track.source, None if number is None else number - first + 1, message, *outcome)
                for number, position, message, outcome in list(track.results)
                if first < position <= end and (number is None or number >= first)
            ]
            tracks.append((track.source._replace(state=state), results))
        return first, entries, tracks

    def _tracks_from(self, first: int) -> list[tuple[_Track, Any]]:
        """Return the connections, and the state of each before the row of this number."""
        found = []
        for track in list(self._tracks.values()):
            state = track.state
            for result in list(track.results):
                if result.position > first:
                    break
                state = result.outcome.state
            found.append((track, state))
        return found

    def counts(self) -> Counts:
        entries = self._entries(0, len(self))
        sources = {entry[2].number: entry[2] for entry in entries}
        counted = Counter(entry[2].number for entry in entries)
        times = [time_at(entry[0]) for entry in (entries[:1] + entries[-1:])]
        of_sources = [(sources[number], count) for number, count in counted.most_common()]
        return Counts(of_sources, times[0] if times else None, times[-1] if times else None)


def _first_of(chunk: _Chunk) -> int:
    return chunk.first
