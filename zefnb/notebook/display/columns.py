"""The columns of a table, and the texts of their values, in a terminal, in saved HTML and in the browser."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from zefnb.core.entity import Entity, Topic
from zefnb.core.time import Time
from zefnb.text.controls import strip_controls
from zefnb.text.short_repr import short_repr
from zefnb.text.uids import MARK, short_uids

NOTHING = "–"
_DAY = 86_400
# The characters between two columns of a table in a terminal.
_GAP = 3


def size_text(size: int) -> str:
    """Return a number of bytes as a text with a unit.

    >>> size_text(0), size_text(900), size_text(70_000), size_text(5 << 20)
    ('0 B', '900 B', '68.4 KiB', '5.0 MiB')
    """
    if size < 1024:
        return f"{size} B"
    return f"{size / 1024:.1f} KiB" if size < 1 << 20 else f"{size / (1 << 20):.1f} MiB"


def duration_text(seconds: float | None) -> str:
    """Return a short duration as a text with a unit.

    >>> duration_text(None), duration_text(0.00021), duration_text(0.042), duration_text(2.5)
    ('–', '0.21 ms', '42.0 ms', '2.50 s')
    """
    if seconds is None:
        return NOTHING
    if seconds >= 1:
        return f"{seconds:.2f} s"
    return f"{seconds * 1000:.2f} ms" if seconds < 0.01 else f"{seconds * 1000:.1f} ms"


def moment_text(moment: Time | float) -> str:
    """Return a moment in local time: the time of day, and the date if it is more than 24 hours away."""
    then = moment.to_datetime() if isinstance(moment, Time) else datetime.fromtimestamp(moment, UTC)
    is_near = abs(then.timestamp() - Time.now().seconds) < _DAY
    return f"{then.astimezone():%H:%M:%S}" if is_near else f"{then.astimezone():%d %b %H:%M}"


def rate_text(rate: float) -> str:
    """Return a rate per second as a text.

    >>> rate_text(0), rate_text(1.25), rate_text(1250.4)
    ('0', '1.2', '1,250')
    """
    return "0" if not rate else f"{rate:.1f}" if rate < 10 else f"{rate:,.0f}"


def brief_repr(value: Any, longest: int = 80) -> str:
    """Return a value as one short line; a handle has its type and the beginning of its uid."""
    if isinstance(value, Entity) and value._uid is not None:
        if isinstance(value, Topic):
            return short_uids(short_repr(value, longest))
        return strip_controls(f"{type(value)!r} {uid_text(value._uid)}", longest)
    return short_uids(short_repr(value, longest))


def uid_text(uid: str) -> str:
    """Return the beginning of a uid without its leaf, which not every font has. A name stays as it is.

    >>> uid_text('🍃-0123456789abcdef0123'), uid_text('chat')
    ('01234567…', 'chat')
    """
    return short_uids(uid) if uid.startswith(MARK) else uid


def user_text(user: Any) -> str:
    """Return the name of a user, which is a dict or already a name.

    >>> user_text({'id': '7', 'name': 'ada'}), user_text('ada'), user_text(None)
    ('ada', 'ada', '')
    """
    return str(user.get("name") or user.get("id") or "") if isinstance(user, dict) else user or ""


def count_text(count: int, noun: str) -> str:
    """Return a count with its noun, in the singular or the plural.

    >>> count_text(1, 'client'), count_text(2_000, 'client')
    ('1 client', '2,000 clients')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


class Reading(NamedTuple):
    """The format of one kind of value. The browser has a format of the same name with the same result (`format.js`).

    `text` never gets `None`. `wire` converts a value to the form that the browser gets. `least` is the sort key of
    `None`. `descending` is whether the first click sorts from the highest value.
    """

    text: Callable[[Any], str] = str
    right: bool = False
    descending: bool = False
    wire: Callable[[Any], Any] | None = None
    least: Any = -1


READINGS = {
    "text": Reading(lambda value: value or NOTHING, least=""),
    "code": Reading(lambda value: value or NOTHING, least=""),
    "value": Reading(brief_repr, wire=brief_repr, least=""),
    "list": Reading(lambda items: ", ".join(items) or NOTHING, wire=", ".join, least=()),
    "uid": Reading(uid_text, least=""),
    "user": Reading(lambda user: user_text(user) or NOTHING, wire=lambda user: user_text(user), least=""),
    "flag": Reading(lambda flag: "yes" if flag else "no"),
    # The value is a number of seconds, or the name of an interval.
    "interval": Reading(lambda every: every if isinstance(every, str) else duration_text(every), right=True, least=""),
    "port": Reading(lambda port: f":{port}"),
    "id": Reading(str, right=True),
    "number": Reading(lambda number: f"{number:,}", right=True, descending=True),
    "size": Reading(size_text, right=True, descending=True),
    "duration": Reading(duration_text, right=True, descending=True, wire=lambda seconds: round(seconds, 6)),
    "rate": Reading(rate_text, right=True, descending=True),
    "time": Reading(moment_text, descending=True, wire=lambda at: round(at.seconds if isinstance(at, Time) else at, 3)),
}


class Column(NamedTuple):
    """One column.

    `name` is the key of the value in a query's row. `of` reads the value from the running object; `None` reads the
    attribute `name`. `reads` is the name of a `Reading`; for a 'rate', `of` reads a counter. A `fixed` value never
    changes while its row exists. `width` is the least width in the browser, in px, and `grow` its share of the
    remaining width; `widest` is the greatest width in a terminal, in characters. If the width is not sufficient, the
    columns with the lowest `keep` are left out first. A value above `highlight_above` is highlighted. An `optional`
    column is left out if it is empty in all rows, and an `if_different` column if all rows have the same value.
    """

    name: str
    title: str
    reads: str = "text"
    of: Callable[[Any], Any] | None = None
    fixed: bool = False
    width: int = 60
    grow: int = 0
    widest: int = 40
    keep: int = 5
    highlight_above: float | None = None
    optional: bool = False
    if_different: bool = False
    order: Callable[[Any], Any] | None = None

    @property
    def reading(self) -> Reading:
        """The format of the values."""
        return READINGS[self.reads]

    def text(self, value: Any) -> str:
        """Return the plain text of a value."""
        return NOTHING if value is None else self.reading.text(value)

    def spec(self) -> dict[str, Any]:
        """Return the description of the column for the browser."""
        given = (
            "name",
            "title",
            "reads",
            "fixed",
            "width",
            "grow",
            "keep",
            "highlight_above",
            "optional",
            "if_different",
        )
        reading = {"right": self.reading.right, "descending": self.reading.descending}
        return {name: getattr(self, name) for name in given} | reading


def in_use(columns: Sequence[Column], rows: Sequence[Sequence[Any]]) -> list[int]:
    """Return the numbers of the columns that are shown for these rows of values."""

    def is_in_use(number: int, column: Column) -> bool:
        if column.if_different and len({row[number] for row in rows}) < 2:
            return False
        return not column.optional or any(row[number] for row in rows)

    return [n for n, column in enumerate(columns) if is_in_use(n, column)]


def fitting(columns: Sequence[Column], texts: Sequence[Sequence[str]], width: int) -> list[int]:
    """Return the numbers of the columns that fit into `width` characters, those with the highest `keep`."""
    widths = [
        min(column.widest, max([len(column.title), *(len(row[n]) for row in texts)]))
        for n, column in enumerate(columns)
    ]
    chosen = list(range(len(columns)))
    while len(chosen) > 1 and sum(widths[n] + _GAP for n in chosen) - 1 > width:
        chosen.remove(min(chosen, key=lambda n: columns[n].keep))
    return chosen
