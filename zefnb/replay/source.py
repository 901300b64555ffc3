"""Sources: the messages of recordings, tables, lists and iterators, in order and in parts."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Protocol

from zefnb.core.copy_rules import PLAIN
from zefnb.errors import FieldError, Hint, InvalidEffect, shown
from zefnb.recording.recording import Recording
from zefnb.recording.row import Row

# Messages. `FX.PublishAll` hands so many to the loop at once.
PART = 256


class Source(Protocol):
    """Messages in an order."""

    # The number of messages, or `None` if it is not known.
    total: int | None
    # Whether it can be read once only, and is read when a message is due.
    is_iterator: bool

    def parts(self) -> Iterator[list[Any]]:
        """Yield the messages from the first one on, in lists of at most `PART`. Each list is the caller's."""

    def columns(self) -> list[Any] | None:
        """Return the names that a message can have its time in, or `None` if they are not known."""


class _Listed:
    """A list, a tuple, an array or another collection."""

    is_iterator = False

    def __init__(self, given: Any) -> None:
        # A copy, since the program may change the list.
        self._messages = given if type(given) is tuple else list(_iterable(given))
        self.total: int | None = len(self._messages)

    def parts(self) -> Iterator[list[Any]]:
        for start in range(0, len(self._messages), PART):
            yield list(self._messages[start : start + PART])

    def columns(self) -> list[Any] | None:
        return _names_in(self._messages[0]) if self._messages else None


class _Iterated:
    """An iterator or a generator, whose messages are handed on one by one."""

    total: int | None = None
    is_iterator = True

    def __init__(self, given: Iterator[Any]) -> None:
        self._messages = given

    def parts(self) -> Iterator[list[Any]]:
        for message in self._messages:
            yield [message]

    def columns(self) -> list[Any] | None:
        return None


class _Recorded:
    """The rows of a recording up to the last one that it has now."""

    is_iterator = False

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self.total: int | None = len(recording)

    def parts(self) -> Iterator[list[Any]]:
        rows = islice(self._recording, self.total)
        while part := list(islice(rows, PART)):
            yield part

    def columns(self) -> list[Any] | None:
        return list(Row._fields)


class _Pandas:
    """A `DataFrame` of pandas: each row is a dict, as `frame.to_dict('records')` has it."""

    is_iterator = False

    def __init__(self, frame: Any, time: Any) -> None:
        if time is not None and time not in frame.columns and time in frame.index.names:
            frame = frame.reset_index()
        if not frame.columns.is_unique:
            twice = frame.columns[frame.columns.duplicated()][0]
            problem = f"it has several columns {shown(twice)}"
            raise InvalidEffect("", [FieldError("source", problem, "columns whose names differ")])
        self._frame = frame.copy()
        self.total: int | None = len(frame)

    def parts(self) -> Iterator[list[Any]]:
        for start in range(0, len(self._frame), PART):
            yield self._frame.iloc[start : start + PART].to_dict("records")

    def columns(self) -> list[Any] | None:
        return list(self._frame.columns)


class _Polars:
    """A `DataFrame` of polars: each row is a dict, as `frame.to_dicts()` has it."""

    is_iterator = False

    def __init__(self, frame: Any) -> None:
        self._frame = frame.clone()
        self.total: int | None = len(frame)

    def parts(self) -> Iterator[list[Any]]:
        for part in self._frame.iter_slices(PART):
            yield part.to_dicts()

    def columns(self) -> list[Any] | None:
        return list(self._frame.columns)


def source_of(given: Any, time: Any = None) -> Source:
    """Return the source that a value of `SourceType` is. `time` is the name of the column with times, if it has one.

    It copies lists and tables, which may take time.
    """
    if type(given) is list or type(given) is tuple:
        return _Listed(given)
    if isinstance(given, Recording):
        return _Recorded(given)
    if _is_frame("pandas", given):
        return _Pandas(given, time)
    if _is_frame("polars", given):
        return _Polars(given)
    return _Iterated(given) if hasattr(type(given), "__next__") else _Listed(given)


def check_column(source: Source, time: Any, subject: str) -> None:
    """Raise `InvalidEffect` if the messages have nothing of the name `time`."""
    columns = source.columns()
    if columns is None or time in columns:
        return
    names = ", ".join(shown(name) for name in columns[:20]) or "none: the messages have no fields"
    raise InvalidEffect(subject, [FieldError("time", f"got {shown(time)}", names, Hint(time, columns))])


def _is_frame(module: str, value: Any) -> bool:
    frame = getattr(sys.modules.get(module), "DataFrame", None)
    return frame is not None and isinstance(value, frame)


def _iterable(given: Any) -> Iterable[Any]:
    if hasattr(type(given), "__iter__"):
        found: Iterable[Any] = given
        return found
    return (given[at] for at in range(len(given)))


def _names_in(message: Any) -> list[Any] | None:
    if isinstance(message, dict):
        return list(message)
    fields = getattr(message, "_fields", None) or getattr(message, "__dict__", None)
    if isinstance(fields, tuple | dict):
        return list(fields)
    return [] if type(message) in PLAIN else None
