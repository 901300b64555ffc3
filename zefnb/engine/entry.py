"""Entry: one line of the journal, and the conversion of values from outside to safe text."""

from __future__ import annotations

import itertools
from typing import Any, Literal

from zefnb.core.entity import Actor, Entity, HTTPServer, Replay, Subscription, Timer, Topic, WebSocketClient
from zefnb.core.secret_fields import PRIVATE_FIELDS
from zefnb.core.time import Time
from zefnb.engine.tally import Tally
from zefnb.text.controls import strip_controls
from zefnb.text.secrets import MARGIN, cut_without_secrets, hide_secrets
from zefnb.text.short_repr import LONGEST, class_name, short_repr

Level = Literal["debug", "info", "warning", "error"]
LEVELS: tuple[Level, ...] = ("debug", "info", "warning", "error")

LONGEST_TEXT = 4_000
_LONGEST_EXAMPLE = 200
_MOST_EXAMPLES = 4
_LONGEST_UID = 200
_MOST_BITS = 64
_NUMBERS = itertools.count()
_HANDLES = (Actor, HTTPServer, Replay, Subscription, Timer, Topic, WebSocketClient)


class Entry:
    """One line of the journal; `count` is the number of occurrences, and `last` is the time of the latest.

    `examples` holds some of the values in which the occurrences differ, such as the refused host names. Entries of one
    `family` come from the same place in the code.
    """

    __slots__ = (
        "_repeats",
        "details",
        "examples",
        "family",
        "key",
        "last",
        "level",
        "message",
        "number",
        "time",
        "traceback",
    )

    def __init__(
        self,
        time: Time,
        level: Level,
        message: str,
        details: dict[str, Any] | None = None,
        traceback: str = "",
        key: object = None,
        family: object = None,
        examples: tuple[str, ...] = (),
    ) -> None:
        self.time = time
        self.level = level
        self.message = message
        self.details = {} if details is None else details
        self.traceback = traceback
        self.last: Time | None = None
        self.key = key
        self.family = family
        self.examples = examples
        self.number = next(_NUMBERS)
        self._repeats = Tally()

    def __repr__(self) -> str:
        return f"<Entry {self.number}, {self.level}: {self.message!r}>"

    @property
    def count(self) -> int:
        """The number of occurrences."""
        return 1 + self._repeats.count

    def count_repeat(self, now: Time, details: dict[str, Any], example: str | None) -> int:
        """Count one more occurrence and return the new count."""
        self.last = now
        # A new dict, since another thread may read the old one.
        self.details = {**self.details, **details}
        self.add_example(example)
        return 1 + self._repeats.advance()

    def add_example(self, example: str | None) -> None:
        """Add `example`, unless there are enough examples."""
        if example and len(self.examples) < _MOST_EXAMPLES and (text := example_text(example)) not in self.examples:
            self.examples = (*self.examples, text)

    def line(self, count: int) -> str:
        """Return the entry as one line of a log, at its occurrence number `count`."""
        if count == 1:
            return self.message
        such_as = f", such as {', '.join(self.examples)}" if len(self.examples) > 1 else ""
        return f"{self.message} (for the {count}th time{such_as})"

    def as_dict(self) -> dict[str, Any]:
        """Return the entry as `FX.QueryLog` shows it."""
        plain: dict[str, Any] = {
            "time": self.time,
            "level": self.level,
            "message": self.message,
            "count": self.count,
            "last": self.last or self.time,
            **self.details,
        }
        if self.examples:
            plain["examples"] = list(self.examples)
        if self.traceback:
            plain["traceback"] = self.traceback
        return plain


def line_text(text: str) -> str:
    """Return `text` as one line for the journal: cut, without secrets, control characters escaped."""
    return strip_controls(cut_without_secrets(text, LONGEST_TEXT), LONGEST_TEXT)


def example_text(text: str) -> str:
    """Return an example as the journal stores it: cut, without secrets, control characters escaped."""
    return strip_controls(cut_without_secrets(text, _LONGEST_EXAMPLE), _LONGEST_EXAMPLE)


def presentable(details: dict[str, Any]) -> dict[str, Any]:
    """Return `details` as the journal stores them: handles unchanged, for filters, and other values as short text."""
    return {name: _presentable(value) for name, value in details.items() if value is not None}


def _presentable(value: Any) -> Any:
    try:
        return _as_stored(value)
    except Exception:  # a class may raise for any access
        return f"<unprintable> ({class_name(value)})"


def _as_stored(value: Any) -> Any:
    if isinstance(value, float | Time) or (isinstance(value, int) and value.bit_length() <= _MOST_BITS):
        return value
    if isinstance(value, str):
        return line_text(value)
    if isinstance(value, _HANDLES) and value._uid is not None and len(value._uid) <= _LONGEST_UID:
        return value
    # Not `shown`: fields that may hold a peer's credentials are left out.
    text = hide_secrets(short_repr(value, LONGEST + MARGIN, PRIVATE_FIELDS))
    text = strip_controls(text, LONGEST)
    return text if isinstance(value, type | Entity) else f"{text} ({class_name(value)})"
