"""The interface of tapes: the storage of a recording, in memory or on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

from zefnb.core.time import Time
from zefnb.recording.outcome import Connection, Outcome, Step
from zefnb.recording.row import Row
from zefnb.recording.source import Entry, Source
from zefnb.recording.stored_outcome import StoredResult


class Counts(NamedTuple):
    """The sources with the number of their rows, and the times of the first and the last row."""

    of_sources: list[tuple[Source, int]]
    first: Time | None
    last: Time | None


class Result(NamedTuple):
    """The result of a handler, which is yet to be written. `row` is the number of the row in the file."""

    source: Source
    row: int | None
    message: Any
    effects: tuple[Any, ...]
    state: Any
    error: str | None


class Tape(Protocol):
    """Stores rows, and the results of handlers. Any thread can read it."""

    @property
    def dropped(self) -> int:
        """The number of rows that were dropped because there were too many."""

    def __len__(self) -> int:
        """Return the number of rows."""

    def rows(self, start: int, stop: int) -> list[Row]:
        """Return the rows from index `start` to `stop`."""

    def page(self, start: int) -> list[Entry]:
        """Return some rows from index `start` on, or none if there is no such row."""

    def outcome(self, index: int) -> Outcome | None:
        """Return the result of the handler for the row at `index`."""

    def connections(self) -> list[Connection]:
        """Return the connections whose routes have an actor."""

    def steps(self, connection: int) -> Iterator[Step]:
        """Return the messages that the actor of a connection handled."""

    def results(self, connection: int) -> Iterator[StoredResult]:
        """Return the same without the messages of rows and undecoded, for a caller that also reads the rows."""

    def counts(self) -> Counts:
        """Return the number of rows of each source."""

    async def finish(self) -> None:
        """Complete all writes. There are no more rows."""


class GrowingTape(Tape, Protocol):
    """A tape that records. These methods are called on the loop."""

    def add(self, ns: int, kind: int, source: Source, content: Any) -> int:
        """Store a row. Returns its number, which stays the same when older rows are dropped."""

    def adder(self, kind: int, source: Source) -> Callable[[Any], None]:
        """Return a function that stores a row with the content that it is called with, and with the current time.

        It is quicker than `add`.
        """

    def text_adder(
        self, kind: int, source: Source, receive: Callable[[Any], None], receive_other: Callable[[Any], None]
    ) -> Callable[[Any], None]:
        """Return a function that stores each text as `adder` does, and then passes it to `receive`.

        Other messages go to `receive_other`, unstored. One function for both steps, since each message of a client
        passes through it: a call between the two takes a quarter of the time.
        """

    def new_source(self, source: Source) -> Source:
        """Return `source` with a number of its own."""

    def add_result(
        self, source: Source, number: int | None, message: Any, effects: tuple[Any, ...], state: Any, error: str | None
    ) -> None:
        """Store the result of a handler: for the row with this number, or for a message that no client sent.

        A second result for the same row replaces the first one.
        """
