"""Rows in columns: parallel lists, since an object for each row takes longer to make, and to collect as garbage."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from zefnb.recording.source import Entry, Source

# Characters of a short text. Short texts, the most frequent contents, are counted later, many at once.
SHORT = 1_024
# The index of a row's kind, and its source. The rows of a source share one pair for each kind.
Origin = tuple[int, Source]


class Columns:
    """The times in nanoseconds, the origins and the contents of consecutive rows.

    One thread adds rows, and others may read meanwhile: the content is added last, and counts as the row.
    """

    __slots__ = ("contents", "origins", "times")

    def __init__(self) -> None:
        self.times: list[int] = []
        self.origins: list[Origin] = []
        self.contents: list[Any] = []

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Columns:
        """Return the columns of these rows."""
        made = cls()
        for ns, kind, source, content in entries:
            made.times.append(ns)
            made.origins.append((kind, source))
            made.contents.append(content)
        return made

    def __len__(self) -> int:
        return len(self.contents)

    def entries(self, start: int = 0, stop: int | None = None) -> list[Entry]:
        """Return the rows from `start` to `stop` as entries."""
        wanted = slice(start, len(self.contents) if stop is None else stop)
        columns = (self.contents[wanted], self.times[wanted], self.origins[wanted])
        return [(ns, kind, source, content) for content, ns, (kind, source) in zip(*columns, strict=False)]

    def size_of_short_texts(self) -> int:
        """Return the number of characters in short texts."""
        return sum([len(content) for content in self.contents if type(content) is str and len(content) <= SHORT])
