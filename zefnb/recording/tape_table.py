"""Writes the rows and results of a recording into its file, in the thread of the file's writer."""

from __future__ import annotations

import contextlib
from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from itertools import chain, repeat
from typing import Any

from zefnb.errors import StorageFailed
from zefnb.recording.columns import Columns
from zefnb.recording.source import Source
from zefnb.recording.tape import Result
from zefnb.recording.tape_format import TEXT, content_of, encoded, number_in
from zefnb.store.schema import Connection

# Bytes of a file. A recording ends at this size.
MOST_BYTES = 16 << 30
# Connections whose last state is remembered, so that an unchanged state is not written again.
_REMEMBERED = 10_000
# Rows of one statement: `sqlite3` releases the GIL for each, and 128 take 0.7 of the time that they take one by one.
_TOGETHER = 128
_WIDTH = 6
_ROW = f"({', '.join('?' * _WIDTH)})"
_INSERT = "INSERT INTO rows VALUES "
_INSERT_TOGETHER = _INSERT + ", ".join([_ROW] * _TOGETHER)


class TapeTable:
    """The tables of one file. It remembers what it has written between two transactions."""

    def __init__(self, connection: Connection) -> None:
        self.rows = number_in(connection, "SELECT max(number) FROM rows")
        self.sources = number_in(connection, "SELECT max(number) FROM sources")
        self._results = number_in(connection, "SELECT max(number) FROM results")
        self._states = number_in(connection, "SELECT max(number) FROM states")
        # The last state of each source, the digest of its bytes, and its number.
        self._known: OrderedDict[int, tuple[Any, bytes, int]] = OrderedDict()
        self._written: set[int] = set()

    def write(self, connection: Connection, rows: Columns, results: Sequence[Result]) -> None:
        """Write rows and results, as part of the connection's current transaction."""
        self._check_size(connection)
        if rows:
            self._write_rows(connection, rows)
        for result in results:
            self._write_result(connection, result)

    def _write_rows(self, connection: Connection, rows: Columns) -> None:
        sources = [source.number for _, source in rows.origins]
        counts = Counter(sources)
        if not self._written.issuperset(counts):
            for _, source in rows.origins:
                if source.number not in self._written:
                    self._write_source(connection, source)
        numbers = range(self.rows + 1, self.rows + 1 + len(rows))
        kinds = [kind for kind, _ in rows.origins]
        columns = (numbers, rows.times, kinds, sources, *_forms_and_bytes(rows.contents))
        flat = list(chain.from_iterable(zip(*columns, strict=False)))
        self.rows += len(rows)
        step = _TOGETHER * _WIDTH
        whole = len(flat) // step * step
        for start in range(0, whole, step):
            connection.execute(_INSERT_TOGETHER, flat[start : start + step])
        connection.executemany(_INSERT + _ROW, [flat[at : at + _WIDTH] for at in range(whole, len(flat), _WIDTH)])
        added = [(count, number) for number, count in counts.items()]
        connection.executemany("UPDATE sources SET count = count + ? WHERE number = ?", added)

    def _check_size(self, connection: Connection) -> None:
        pages, size = (number_in(connection, f"PRAGMA {name}") for name in ("page_count", "page_size"))
        if pages * size > MOST_BYTES:
            raise StorageFailed(f"its file has {MOST_BYTES >> 30} GiB, the most of a recording; its rows stay")

    def _write_source(self, connection: Connection, source: Source) -> None:
        number, topic, channel_id, path, user, has_actor, state = source
        self._written.add(number)
        state_number = self._state(connection, number, state) if has_actor else None
        name = None if topic is None else _text(str(topic._uid))
        given = (None if path is None else _text(path), None if user is None else encoded(user))
        connection.execute(
            "INSERT INTO sources VALUES (?, ?, ?, ?, ?, ?, ?, 0)",
            (number, name, channel_id, *given, has_actor, state_number),
        )

    def _state(self, connection: Connection, source: int, state: Any) -> int:
        """Return the number of a state, which is written if it is not the last one of its source."""
        known = self._known.get(source)
        if known is not None and known[0] is state:
            return known[2]
        stored = encoded(state)
        digest = blake2b(stored, digest_size=16).digest()
        if known is not None and known[1] == digest:
            number = known[2]
        else:
            self._states += 1
            number = self._states
            connection.execute("INSERT INTO states VALUES (?, ?)", (number, stored))
        self._known[source] = state, digest, number
        self._known.move_to_end(source)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return number

    def _write_result(self, connection: Connection, result: Result) -> None:
        source, row, message, effects, state, error = result
        if source.number not in self._written:
            self._write_source(connection, source)
        if error is not None and row is not None:
            # The handler had returned, and its result was then refused.
            connection.execute("DELETE FROM results WHERE row = ?", (row,))
        self._results += 1
        connection.execute(
            "INSERT INTO results VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                self._results,
                source.number,
                row,
                None if row is not None else encoded(message),
                encoded(effects),
                self._state(connection, source.number, state),
                None if error is None else _text(error),
            ),
        )


def _forms_and_bytes(contents: Sequence[Any]) -> tuple[Iterable[int], Iterable[bytes]]:
    """Return the forms and the bytes of contents."""
    if set(map(type, contents)) == {str}:  # the most frequent case, by loops in C
        with contextlib.suppress(UnicodeEncodeError):
            return repeat(TEXT), list(map(str.encode, contents))
    pairs = list(map(content_of, contents))
    return [form for form, _ in pairs], [stored for _, stored in pairs]


def _text(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
