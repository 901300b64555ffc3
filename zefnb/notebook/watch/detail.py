"""The details of a selected row: its last frames, its facts, and its actor's state."""

from __future__ import annotations

import pprint
import time
from collections.abc import Callable
from typing import Any

from zefnb.engine.runtime import Runtime
from zefnb.notebook.watch.feed import Row
from zefnb.notebook.watch.table import Table
from zefnb.text.short_repr import class_name, short_repr, short_str
from zefnb.text.uids import short_uids

Message = dict[str, Any]

_LONGEST_STATE = 100_000
_STATE_INTERVAL = 1.0


class Detail:
    """The details of a selected row."""

    def __init__(self, runtime: Runtime, table: Table[Any], row: Row) -> None:
        self._runtime = runtime
        self._key = row.key
        self._details = table.details(runtime, row.source)
        self._closed = False
        self._sent: Message = {}
        self._first: Message = {"title": table.title(row.source), "hint": self._details.hint}
        self._state: str | None = None
        self._read: Any = None
        self._read_at = float("-inf")
        self._reading = False
        self._pause = 0.0

    def message(self) -> Message | None:
        """Return the changes since the last message, or `None` if there are none."""
        if self._closed:
            return None
        details = self._details
        message, self._first = self._first, {}
        frames, skipped = details.frames()
        if frames:
            message |= {"frames": frames, "skipped": skipped}
        self._read_state()
        now = {"facts": list(details.facts()), "state": self._state, "open": details.is_open}
        message |= {name: value for name, value in now.items() if self._sent.get(name) != value}
        self._sent = now
        if not details.is_open:
            self.close()
        return {"t": "row", "row": self._key, **message} if message else None

    def _read_state(self) -> None:
        """Format the state in a handler thread, because a user's `repr` can be slow."""
        actor, contents = self._details.actor, self._details.contents
        now = time.monotonic()
        if (actor is None and contents is None) or self._reading:
            return
        state = actor.state if actor is not None else None
        if state is self._read and now - self._read_at < max(_STATE_INTERVAL, self._pause):
            return
        self._reading = True
        self._read, self._read_at = state, now
        if contents is None:
            self._runtime.handler_threads.submit(self._state_read, _written_out, state)
        else:
            self._runtime.handler_threads.submit(self._state_read, _contents_of, contents)

    def _state_read(self, text: Any, error: BaseException | None) -> None:
        self._reading = False
        # The pause grows with the time that formatting takes.
        self._pause = 20 * (time.monotonic() - self._read_at)
        self._state = str(text) if error is None else f"its repr raises {class_name(error)}: {short_str(error, 500)}"

    def close(self) -> None:
        """Release the resources of the details."""
        if not self._closed:
            self._closed = True
            self._details.close()


def _contents_of(contents: Callable[[], Any]) -> str:
    return _written_out(contents())


def _written_out(state: Any) -> str:
    short = short_uids(short_repr(state, _LONGEST_STATE))
    if len(short) == _LONGEST_STATE:
        # `short_repr` needs the same time however large the state is; `pformat` does not.
        return f"{short}\n… cut"
    text = pprint.pformat(state, width=100, sort_dicts=False)
    return text if len(text) <= _LONGEST_STATE else text[:_LONGEST_STATE] + "\n… cut"
