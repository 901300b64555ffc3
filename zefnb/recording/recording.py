"""The recording: a sequence of rows, which grows while it runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

from zefnb.core.uid import generate_uid
from zefnb.errors import ZefError
from zefnb.recording.outcome import Connection, Outcome, Step
from zefnb.recording.row import Row
from zefnb.recording.source import Entry, row_of
from zefnb.recording.stored_outcome import StoredResult
from zefnb.recording.tape import Counts, Tape


class Recording(Sequence[Row]):
    """The messages of clients or of topics: a sequence of rows that `FX.StartRecording` or `FX.LoadRecording` made.

    `len(tape)`, `tape[0]`, `tape[-20:]`, iteration and `pandas.DataFrame(tape)` read the rows, in any thread, also
    while it records. A slice is a list. Each row has the fields time, kind, topic, channel_id, path, user and content;
    see `zefnb.recording.row`. When older rows are dropped, indexes count from the oldest row that is left.
    """

    def __init__(self, tape: Tape, title: str) -> None:
        self._uid = generate_uid()
        self._tape = tape
        self.title = title
        self.is_running = False

    def __len__(self) -> int:
        return len(self._tape)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...

    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        length = len(self._tape)
        if isinstance(index, slice):
            start, stop, step = index.indices(length)
            if step > 0:
                return self._tape.rows(start, max(start, stop))[::step]
            return self._tape.rows(stop + 1, max(stop, start) + 1)[::step]
        place = range(length)[index]
        return self._tape.rows(place, place + 1)[0]

    def __iter__(self) -> Iterator[Row]:
        return map(row_of, self.entries())

    def entries(self) -> Iterator[Entry]:
        """Yield the rows as the tape keeps them, which takes less time than rows."""
        start = 0
        dropped = self._tape.dropped
        while entries := self._tape.page(start):
            yield from entries
            # Rows that are dropped meanwhile move the others to smaller indexes.
            before, dropped = dropped, self._tape.dropped
            start = max(0, start + len(entries) - (dropped - before))

    def outcome(self, index: int) -> Outcome | None:
        """Return the result of the handler for the row at `index`.

        Returns `None` if the route has no actor, if the handler has not returned yet, or if the result was too large
        or contained a token.
        """
        return self._tape.outcome(range(len(self._tape))[index])

    def connections(self) -> list[Connection]:
        """Return the connections whose routes have an actor, in the order in which they were opened."""
        return self._tape.connections()

    def steps(self, connection: int) -> Iterator[Step]:
        """Return each message that the actor of the connection with this number handled, in order.

        These are the rows of the connection and the messages that others published to its `topic_in`.
        """
        return self._tape.steps(connection)

    def results(self, connection: int) -> Iterator[StoredResult]:
        """Return the steps of a connection as the tape keeps them, which takes less time."""
        return self._tape.results(connection)

    @property
    def dropped(self) -> int:
        """The number of rows that were dropped because there were too many."""
        return self._tape.dropped

    def counts(self) -> Counts:
        """Return the number of rows of each source, and the times of the first and the last row."""
        return self._tape.counts()

    @property
    def tape(self) -> Tape:
        """Where the rows are stored."""
        return self._tape

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        """The rows as an array of objects, for numpy, which is loaded then."""
        import numpy

        rows = numpy.empty(len(found := list(self)), dtype=object)
        rows[:] = found
        return rows

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return hash(self._uid)

    def __copy__(self) -> Recording:
        return self

    def __deepcopy__(self, memo: object) -> Recording:
        return self

    def __repr__(self) -> str:
        state = "recording" if self.is_running else "stopped"
        try:
            rows = f"{len(self):,} rows"
        except ZefError as error:
            rows = type(error).__name__
        return f"<recording of {self.title}: {rows}, {state}>"
