"""The lines of an outward client in the journal."""

from __future__ import annotations

from typing import Any

from zefnb.core.entity import Entity
from zefnb.engine.journal import Journal, Level

# Different problems of one client with their own line in the journal; a server could cause any number of them.
_MOST_PROBLEMS = 16


class Notes:
    """The lines of one client in the journal."""

    def __init__(self, journal: Journal, handle: Entity) -> None:
        self._journal = journal
        self._handle = handle
        self._problems: set[str] = set()

    def note(self, level: Level, text: str, kind: str | None = None, **details: Any) -> None:
        """Add a line. Lines of one `kind` are counted in one."""
        key = None if kind is None else (kind, self._handle)
        self._journal.note(level, text, key=key, client=self._handle, **details)

    def problem(self, text: str) -> None:
        """Add a problem of the connection. Equal ones are counted in one line, and further ones in another."""
        if len(self._problems) < _MOST_PROBLEMS:
            self._problems.add(text)
        key = ("problem", self._handle, text if text in self._problems else None)
        self._journal.note("warning", text, key=key, client=self._handle)

    def gap(self, target: object, missing: int | None, received: int, again: int) -> None:
        """Report messages that the server could not send again: `None` when their number is unknown."""
        if missing is None:
            unconfirmed = f"unconfirmed messages that are sent again: {again:,}"
            text = f"{target} begins a new session; messages after number {received:,} may be missing; {unconfirmed}"
            self.note("warning", text, "gap")
        elif missing:
            text = f"{missing:,} messages of {target} are missing: the connection was lost for too long"
            self.note("warning", text, "gap", example=f"{missing:,} messages")
