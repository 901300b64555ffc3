"""The format of a recording's file: its tables, and how contents are written and read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from zefnb.core.codec.codec import decode, encode
from zefnb.core.codec.scan import Undecodable
from zefnb.core.entity import ET
from zefnb.core.types import ByteArray
from zefnb.errors import InvalidValue
from zefnb.store.schema import Connection, Format
from zefnb.text.short_repr import short_repr

# Rows are numbered from 1 without a gap. `source` identifies a connection or a topic, `state` a row of `states`.
_TABLES = (
    "CREATE TABLE rows (number INTEGER PRIMARY KEY, time INTEGER NOT NULL, kind INTEGER NOT NULL, "
    "source INTEGER NOT NULL, form INTEGER NOT NULL, content BLOB NOT NULL)",
    "CREATE TABLE sources (number INTEGER PRIMARY KEY, topic BLOB, channel_id INTEGER, path BLOB, user BLOB, "
    "has_actor INTEGER NOT NULL, state INTEGER, count INTEGER NOT NULL)",
    "CREATE TABLE results (number INTEGER PRIMARY KEY, source INTEGER NOT NULL, row INTEGER, message BLOB, "
    "effects BLOB NOT NULL, state INTEGER NOT NULL, error BLOB)",
    "CREATE INDEX results_of_rows ON results (row)",
    "CREATE INDEX results_of_sources ON results (source, number)",
    # State 0 is of no handler: if it is there, it is the number of rows that the saved recording had dropped before.
    "CREATE TABLE states (number INTEGER PRIMARY KEY, value BLOB NOT NULL)",
)
# 'zefr'
RECORDING = Format(0x7A656672, 1, "recording", _TABLES)

TEXT, BYTES, ARRAY, VALUE = range(4)
_LONGEST_TEXT = 1_000
_NOT_STORED = ET.NotStored


def content_of(value: Any) -> tuple[int, bytes]:
    """Return the form and the bytes of a value."""
    cls = type(value)
    if cls is str:
        return TEXT, value.encode("utf-8", "surrogatepass")
    if cls is bytes:
        return BYTES, value
    if cls is ByteArray:
        return ARRAY, bytes(value)
    return VALUE, encoded(value)


def value_of(form: Any, stored: Any) -> Any:
    """Return the value of a form and its bytes. Raises `Undecodable` for others than `content_of` returns."""
    if type(stored) is not bytes:
        raise Undecodable("it is not bytes")
    if form == TEXT:
        try:
            return stored.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            raise Undecodable(f"it is not text: {error.reason}") from None
    if form == BYTES:
        return stored
    if form == ARRAY:
        return ByteArray(stored)
    if form == VALUE:
        return decode(stored)
    raise Undecodable("its form is not one that zefnb writes")


def encoded(value: Any) -> bytes:
    """Return a value as bytes; of one that is not stored, such as a function, its text in an `ET.NotStored`."""
    try:
        return encode(value, secrets=False)
    except InvalidValue:
        return encode(_stored(value))


def _stored(value: Any) -> Any:
    if type(value) is tuple:  # effects
        return tuple(decode(encoded(each)) for each in value)
    return _NOT_STORED(text=text_of(value))


def text_of(value: Any) -> str:
    """Return the text that stands for a value which cannot be stored."""
    return short_repr(value, _LONGEST_TEXT)


def is_not_stored(value: Any) -> bool:
    """Whether a value of a recording stands for one that could not be stored."""
    return type(value) is _NOT_STORED


def has_not_stored(value: Any) -> bool:
    """Whether a value, or a part of a tuple, which is stored part by part, stands for one that could not be stored."""
    return is_not_stored(value) or (type(value) is tuple and any(map(has_not_stored, value)))


def write_dropped(connection: Connection, count: int) -> None:
    """Write how many rows a recording in memory has dropped, as part of the connection's current transaction."""
    connection.execute("INSERT INTO states VALUES (0, ?)", (encode(count),))


def dropped_in(connection: Connection) -> int:
    """Return how many rows were dropped before the recording was saved. Raises `Undecodable`."""
    line = connection.execute("SELECT value FROM states WHERE number = 0").fetchone()
    count = 0 if line is None else decode(line[0])
    if type(count) is not int or count < 0:
        raise Undecodable("the number of rows that were dropped is missing")
    return count


def number_in(connection: Connection, query: str, given: Iterable[Any] = ()) -> int:
    """Return the number that a query gives, 0 for none. Raises `Undecodable` for another value."""
    return numbers_in(connection, query, given)[0]


def numbers_in(connection: Connection, query: str, given: Iterable[Any] = ()) -> list[int]:
    """Return the numbers of the first row that a query gives, as `number_in` does."""
    found = connection.execute(query, tuple(given)).fetchone() or (0,)
    numbers = [0 if number is None else number for number in found]
    if not all(type(number) is int for number in numbers):
        raise Undecodable("a number is missing")
    return numbers
