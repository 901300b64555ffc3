"""Rows that were read from a file, and are returned again as long as it is certain that the file has not changed."""

from __future__ import annotations

import os
from time import time_ns
from typing import Any

from zefnb.recording.source import Source

# Rows of a page, pages, and bytes of contents.
PAGE = 1_000
_MOST_PAGES = 64
_MOST_BYTES = 16 << 20
# The time of a change is less exact than a nanosecond: two changes may have the same time.
_SETTLED_NS = 100_000_000
# The time in nanoseconds, the index of the kind, the source, the form, and the undecoded content.
CachedRow = tuple[int, int, Source, Any, bytes]


class CachedRows:
    """The length and the pages of a file in one state. Any thread may add to them: parts are replaced, not changed."""

    def __init__(self, stamp: tuple[int, ...]) -> None:
        self.stamp = stamp
        self.length: int | None = None
        self._pages: dict[int, list[CachedRow]] = {}
        self._bytes = 0

    def add(self, number: int, rows: list[CachedRow]) -> None:
        """Cache a page. Of too many, all others are dropped."""
        size = sum([len(row[-1]) for row in rows])
        if len(self._pages) >= _MOST_PAGES or self._bytes + size > _MOST_BYTES:
            self._pages, self._bytes = {}, 0
        self._pages[number] = rows
        self._bytes += size

    def page(self, number: int) -> list[CachedRow] | None:
        """Return the page with this number, which may end before a row that is damaged."""
        return self._pages.get(number)


class RowCache:
    """The file at `path`, when it was first used."""

    def __init__(self, path: str, file: os.stat_result) -> None:
        self._path = path
        self._file = file
        # SQLite's journal is there as long as any program has the file open, and only such a program changes it.
        self._journal = f"{path}-wal"
        self._rows = CachedRows(())

    def rows(self) -> CachedRows | None:
        """Return what is cached of the file in its present state, or `None` if it may be changing, or is another one.

        A caller that gets the same object after reading from the file may add what it has read.
        """
        try:
            found = os.stat(self._path)
        except OSError:
            return None
        is_settled = time_ns() - found.st_mtime_ns > _SETTLED_NS
        if not is_settled or not os.path.samestat(found, self._file) or os.path.exists(self._journal):
            return None
        stamp = (found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        rows = self._rows
        if rows.stamp != stamp:
            rows = self._rows = CachedRows(stamp)
        return rows
