"""Printed lines: what handlers print, noted in the journal beside whose they are."""

from __future__ import annotations

from typing import Any

from zefnb.engine.cells import current_owner, current_server
from zefnb.engine.entry import line_text
from zefnb.engine.journal import CAPACITY
from zefnb.engine.lent_lock import LentLock
from zefnb.notebook.output.handlers import runtime
from zefnb.notebook.output.lines import Lines

_MOST_HANDLERS = 1_000


class Log:
    """Lines that handlers print, noted in the journal beside whose they are."""

    def __init__(self) -> None:
        # By stream and by whose handler it is.
        self._lines: dict[tuple[str, Any], Lines] = {}
        # For threads; a signal handler that prints meanwhile, or waits for the loop, comes from the same one.
        self._lock = LentLock()

    def written(self, name: str, text: str) -> None:
        """A handler wrote `text`, perhaps a part of a line."""
        owner = current_owner.get()
        key = name, owner.handle if owner is not None else current_server.get()
        with self._lock:
            lines = self._lines.pop(key, None) or Lines()
            whole = lines.write(text)
            if lines:
                self._lines[key] = lines
            if len(self._lines) > _MOST_HANDLERS:
                del self._lines[next(iter(self._lines))]
        # The journal would forget more lines than it has room for; looking for their ends takes time, too.
        for line in filter(str.strip, whole.rsplit("\n", CAPACITY)[-CAPACITY:]):
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
