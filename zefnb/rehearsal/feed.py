"""The feed: the messages of a recording in the recorded order, each with its recorded outcome."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

from zefnb.core.entity import ET
from zefnb.net.http.path_pattern import VARIABLE, path_pattern
from zefnb.recording.outcome import Connection, Outcome
from zefnb.recording.recording import Recording
from zefnb.recording.source import CONNECTED, KINDS, Entry, Source
from zefnb.recording.stored_outcome import StoredOutcome, StoredResult


class Recorded(NamedTuple):
    """One message to handle again.

    `row` is the index of its row, or `None` for a message that no client sent. `ns` is the time in nanoseconds since
    1970, since a `Time` takes longer to make, and few are needed. `channel_id` is `None` for the
    messages of topics. `then` is as the tape has it. `connection` is `None` unless its route had an actor.
    """

    row: int | None
    ns: int
    kind: str
    channel_id: int | None
    message: Any
    then: Outcome | StoredOutcome | None
    connection: Connection | None


# As `Recorded(...)`, in a third of the time.
_recorded: Callable[[tuple[Any, ...]], Recorded] = partial(tuple.__new__, Recorded)


class Feed:
    """The messages of a recording, from the connections to `path` only if it is given.

    Connections to a route without an actor are left out, unless the recording has no others.
    """

    def __init__(self, recording: Recording, path: str | None = None) -> None:
        self._recording = recording
        self._fits = _path_test(path)
        self._takes_topics = path is None
        self.rows = len(recording)
        self.left_out: set[int] = set()
        # The paths of connections that are left out since they are not at `path`.
        self.other_paths: dict[str, None] = {}
        self._connections: dict[int, list[Connection]] = {}
        for connection in recording.connections():
            self._connections.setdefault(connection.channel_id, []).append(connection)

    def __iter__(self) -> Iterator[tuple[int, Recorded]]:
        """Yield each message with the number of rows that have been read."""
        tracks: dict[int, _Track] = {}
        taken: dict[int, bool] = {}
        for index, entry in enumerate(self._recording.entries()):
            if index >= self.rows:  # it still grows
                break
            ns, kind, source, content = entry
            takes = taken.get(source.number)
            if takes is None:
                takes = taken[source.number] = self._takes(source)
            if not takes:
                continue
            channel_id = source.channel_id
            if channel_id is None:
                outcome = self._recording.outcome(index)
                yield index, Recorded(index, ns, KINDS[kind], None, content, outcome, None)
                continue
            track = tracks.get(channel_id)
            if track is None:
                track = tracks[channel_id] = self._track(channel_id, 0)
            elif kind == CONNECTED:  # its server was started again
                yield from ((index, recorded) for recorded in track.rest(index))
                track = tracks[channel_id] = self._track(channel_id, track.place + 1)
            if (recorded := track.at(index, entry)) is not None:  # the usual case, without a generator
                yield index, recorded
            else:
                yield from ((index, each) for each in track.up_to(index, entry))
        for track in tracks.values():
            for recorded in track.rest(self.rows):
                yield self.rows, recorded

    def connection(self, channel_id: int | None, there: dict[int | None, None]) -> Iterator[Recorded]:
        """Yield the messages of one connection, and collect in `there` which connections there are."""
        for _, recorded in self:
            there[recorded.channel_id] = None
            if recorded.channel_id == channel_id:
                yield recorded

    def _track(self, channel_id: int, place: int) -> _Track:
        connections = self._connections.get(channel_id, [])
        connection = connections[place] if place < len(connections) else None
        results = iter(()) if connection is None else self._recording.results(connection.number)
        return _Track(channel_id, place, connection, results)

    def _takes(self, source: Source) -> bool:
        if source.channel_id is None:
            return self._takes_topics
        if not self._fits(source.path or ""):
            self.other_paths[source.path or ""] = None
            return False
        if self._connections and source.channel_id not in self._connections:
            self.left_out.add(source.channel_id)
            return False
        return True


class _Track:
    """The messages of one connection, read as far as the rows."""

    def __init__(
        self, channel_id: int, place: int, connection: Connection | None, results: Iterator[StoredResult]
    ) -> None:
        self.place = place
        self._channel_id = channel_id
        self._connection = connection
        self._results = results
        self._next = next(results, None)
        # The time of the last row.
        self._ns = 0

    def at(self, index: int, entry: Entry) -> Recorded | None:
        """Return the message of a row if it is the next one, or `None`."""
        following = self._next
        if following is None or following[0] != index:
            return None
        self._ns, kind, _, content = entry
        self._next = next(self._results, None)
        return _recorded((index, self._ns, KINDS[kind], self._channel_id, content, following[2], self._connection))

    def up_to(self, index: int, entry: Entry) -> Iterator[Recorded]:
        """Yield the messages up to a row: also those before it that no client sent."""
        self._ns, kind, _, content = entry
        while (following := self._next) is not None and (following[0] is None or following[0] <= index):
            self._next = next(self._results, None)
            row, message, outcome = following
            if row == index:
                yield self._recorded(index, KINDS[kind], content, outcome)
                return
            yield self._recorded(row, kind_of(message), message, outcome)
        # No handler has returned for it, or its route has none.
        yield self._recorded(index, KINDS[kind], content, None)

    def rest(self, end: int) -> Iterator[Recorded]:
        """Yield the messages after the last row of the connection."""
        while (following := self._next) is not None and (following[0] is None or following[0] < end):
            self._next = next(self._results, None)
            row, message, outcome = following
            yield self._recorded(row, kind_of(message), message, outcome)

    def _recorded(
        self, index: int | None, kind: str, message: Any, outcome: Outcome | StoredOutcome | None
    ) -> Recorded:
        return Recorded(index, self._ns, kind, self._channel_id, message, outcome, self._connection)


def kind_of(message: Any) -> str:
    """Return the kind of a message that no client sent: an actor's connection also receives what others publish."""
    if isinstance(message, ET.WSClientConnected):
        return "connected"
    return "disconnected" if isinstance(message, ET.WSClientDisconnected) else "published"


def _path_test(path: str | None) -> Callable[[str], bool]:
    if path is None:
        return lambda given: True
    if VARIABLE.search(path) is None:
        return lambda given: given == path
    pattern = path_pattern(path)
    return lambda given: pattern.match(given) is not None
