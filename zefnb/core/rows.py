"""Rows: the result of a query, a list of dicts that a notebook displays as a table."""

from __future__ import annotations

from typing import Any


class Rows(list[dict[str, Any]]):
    """A list of dicts with a `title`, which is the heading of the displayed table.

    >>> Rows('clients', [{'channel_id': 0}]) == [{'channel_id': 0}]
    True
    """

    __slots__ = ("title",)

    def __init__(self, title: str, rows: Any = ()) -> None:
        super().__init__(rows)
        self.title = title

    def __reduce__(self) -> Any:
        return Rows, (self.title, list(self))
