"""The ids of the log's entries, which can be compared."""

from __future__ import annotations

from typing import NamedTuple


class EntryId(NamedTuple):
    """An id of the broker: milliseconds since 1970, and a number within these."""

    milliseconds: int
    number: int

    def __str__(self) -> str:
        return f"{self.milliseconds}-{self.number}"

    @classmethod
    def of(cls, text: str) -> EntryId:
        """Return the id that is written as `text`; the least one if it is not valid.

        >>> EntryId.of('12-9') < EntryId.of('12-10')
        True
        """
        milliseconds, _, number = text.partition("-")
        return cls(int(milliseconds), int(number)) if milliseconds.isdigit() and number.isdigit() else cls(0, 0)
