"""One client that somebody looks at closely: its last frames, its facts, and its actor's state."""

from __future__ import annotations

import pprint
import time
from typing import Any

from zefnb.engine.runtime import Runtime
from zefnb.net.websocket.taps import Tap, attach_tap, detach_tap
from zefnb.notebook.watch.feed import Row

Answer = dict[str, Any]

_LONGEST_STATE = 100_000
_STATE_EVERY = 1.0


class Detail:
    """One client that somebody looks at closely."""

    def __init__(self, runtime: Runtime, row: Row) -> None:
        self._runtime = runtime
        self._row = row
        self._tap: Tap | None = attach_tap(row.connection)
        self._told_frame = 0
        self._told_facts: Answer = {}
        self._state: str | None = None
        self._told_state: str | None = None
        self._read: Any = None
        self._read_at = 0.0
        self._reading = False
        self._pause = 0.0

    def message(self) -> Answer | None:
        """What is new; `None` when nothing is."""
        if self._tap is None:
            return None
        connection = self._row.connection
        frames = self._tap.since(self._told_frame)
        if frames:
            self._told_frame = frames[-1]["n"]
        facts = self._facts()
        self._read_state()
        message: Answer = {}
        if frames:
            message["frames"] = frames
        if facts != self._told_facts:
            message["facts"] = self._told_facts = facts
        if self._state != self._told_state:
            message["state"] = self._told_state = self._state
        if not connection.is_open:
            self.close()
        return {"t": "client", "client": self._row.key, **message} if message else None

    def _facts(self) -> Answer:
        c = self._row.connection
        actor = c.actor
        return {
            "open": c.is_open,
            "host": c.host,
            "ignored": c.ignored,
            "close_code": None if c.is_open else c.close_code,
            "actor": _actor_facts(actor) if actor is not None else None,
        }

    def _read_state(self) -> None:
        """Have the state written out, in a handlers' thread: a user's `repr` may take its time."""
        actor = self._row.connection.actor
        now = time.monotonic()
        if actor is None or self._reading:
            return
        if actor.state is self._read and now - self._read_at < max(_STATE_EVERY, self._pause):
            return
        self._reading = True
        self._read, self._read_at = actor.state, now
        self._runtime.handler_threads.submit(self._state_read, _written_out, actor.state)

    def _state_read(self, text: Any, error: BaseException | None) -> None:
        self._reading = False
        # A state that takes long to write is read again only after a while.
        self._pause = 20 * (time.monotonic() - self._read_at)
        self._state = str(text) if error is None else f"its repr raises {type(error).__name__}: {error}"

    def close(self) -> None:
        """Stop looking."""
        if self._tap is not None:
            detach_tap(self._tap)
            self._tap = None


def _actor_facts(actor: Any) -> Answer:
    return {"handled": actor.handled, "waiting": len(actor.mailbox), "faults": actor.faults}


def _written_out(state: Any) -> str:
    text = pprint.pformat(state, width=100, sort_dicts=False)
    return text if len(text) <= _LONGEST_STATE else text[:_LONGEST_STATE] + "\n… cut"
