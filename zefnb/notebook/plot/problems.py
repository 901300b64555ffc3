"""The values that a chart could not draw: counted by field and reason, each with an example."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from zefnb.errors import did_you_mean
from zefnb.text.controls import strip_controls
from zefnb.text.short_repr import short_repr

# The most different notes. Further reasons are counted together.
MOST_NOTES = 20
_LONGEST_EXAMPLE = 60
_MOST_FIELDS = 12
_LONGEST_FIELD = 40


class Problems:
    """The notes under a chart. Each has a count, which grows; the texts stay the same."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], int] = {}
        self._examples: dict[tuple[str, str], str] = {}
        self.changes = 0

    def add(self, field: str, reason: str, example: Any = None) -> None:
        """Count a value that cannot be drawn."""
        key = (field, reason)
        if key not in self._counts and len(self._counts) >= MOST_NOTES:
            key = ("", "other values")
        self._counts[key] = self._counts.get(key, 0) + 1
        self.changes += 1
        if key not in self._examples:
            self._examples[key] = "" if example is None else strip_controls(short_repr(example, _LONGEST_EXAMPLE))

    def missing(self, field: str, known: Iterable[Any]) -> None:
        """Count a message without a field. `known` has the fields that it has."""
        key = (field, "missing")
        if key not in self._examples:
            self._examples[key] = _about_missing(field, [name for name in known if isinstance(name, str)])
        self._counts[key] = self._counts.get(key, 0) + 1
        self.changes += 1

    def notes(self) -> list[str]:
        """Return the notes as text."""
        return [self._note(*key, count) for key, count in self._counts.items()]

    def _note(self, field: str, reason: str, count: int) -> str:
        example = self._examples[(field, reason)]
        if reason == "missing":
            times = "1 message has" if count == 1 else f"{count:,} messages have"
            return f"{times} no field {field!r}. {example}".rstrip()
        about = f"{field}: " if field else ""
        return f"{about}{count:,} × {reason}" + (f", such as {example}" if example else "")


def _about_missing(field: str, known: list[str]) -> str:
    hint = did_you_mean(field, known)
    if not known:
        return "They have no fields"
    names = ", ".join(strip_controls(name, _LONGEST_FIELD) for name in known[:_MOST_FIELDS])
    more = ", …" if len(known) > _MOST_FIELDS else ""
    return f"{hint[:1].upper()}{hint[1:]}{' ' if hint else ''}Fields: {names}{more}"
