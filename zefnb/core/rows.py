"""Rows: what a query returns, a list of dicts that displays itself as a table."""

from __future__ import annotations

from typing import Any


class Rows(list[dict[str, Any]]):
    """A list in every respect; `title` says of what, for those who show it.

    >>> Rows('clients', [{'channel_id': 0}]) == [{'channel_id': 0}]
    True
    """

    __slots__ = ("title",)

    def __init__(self, title: str, rows: Any = ()) -> None:
        super().__init__(rows)
        self.title = title

    def __reduce__(self) -> Any:
        return Rows, (self.title, list(self))
