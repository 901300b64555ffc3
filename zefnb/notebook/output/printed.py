"""Printed lines: the lines that handlers print, as entries of the journal with their actor or server."""

from __future__ import annotations

from typing import Any

from zefnb.engine import journal
from zefnb.engine.cells import current_owner, current_server
from zefnb.engine.entry import line_text
from zefnb.engine.lent_lock import LentLock
from zefnb.notebook.output.handlers import runtime
from zefnb.notebook.output.lines import Lines

_MOST_HANDLERS = 1_000


class Log:
    """Writes the lines that handlers print into the journal, with their actor or server."""

    def __init__(self) -> None:
        # By the stream, and by the actor or the server.
        self._lines: dict[tuple[str, Any], Lines] = {}
        # A `LentLock`, because a signal handler can print, or wait for the loop, while its own thread has the lock.
        self._lock = LentLock()

    def written(self, name: str, text: str) -> None:
        """Add a text of a handler, which can be a part of a line."""
        owner = current_owner.get()
        key = name, owner.handle if owner is not None else current_server.get()
        with self._lock:
            lines = self._lines.pop(key, None) or Lines()
            whole = lines.write(text)
            if lines:
                self._lines[key] = lines
            if len(self._lines) > _MOST_HANDLERS:
                del self._lines[next(iter(self._lines))]
        # The journal cannot keep more lines than its capacity, and splitting them takes time.
        for line in filter(str.strip, whole.rsplit("\n", journal.CAPACITY)[-journal.CAPACITY :]):
            self._note(name, line)

    def _note(self, name: str, line: str) -> None:
        running, owner = runtime(), current_owner.get()
        if running is None:
            return
        server = owner.server if owner is not None else current_server.get()
        actor = owner.handle if owner is not None else None
        text = line_text(line)
        key = ("printed", text, server, actor)
        running.journal.note("info", text, key=key, server=server, actor=actor, printed=name)
