"""The results of one connection's actor: links each to the row of its message."""

from __future__ import annotations

from collections import deque
from typing import Any

from zefnb.core.copy_rules import PLAIN
from zefnb.core.size import rough_size
from zefnb.core.snapshot import snapshot
from zefnb.engine.actor import Actor
from zefnb.engine.observed_actor import observe_actor, unobserve_actor
from zefnb.engine.runtime import Runtime
from zefnb.recording.hidden import contains
from zefnb.recording.source import Source
from zefnb.recording.tape import GrowingTape
from zefnb.text.tracebacks import error_text

# Bytes of a state, of the effects of one handler, and of a message that no client sent. Of more, nothing is recorded.
MOST_BYTES = 1 << 20
_LONGEST_ERROR = 1_000
_Message = tuple[int | None, Any]


class _TooLarge(Exception):
    """The value is not recorded."""


class ActorResults:
    """Observes the actor of a connection, and stores the result of its handler for each message."""

    def __init__(
        self, runtime: Runtime, tape: GrowingTape, source: Source, actor: Actor, removed: tuple[str, ...]
    ) -> None:
        # The number of the row whose message is delivered next.
        self.row: int | None = None
        self.actor = actor
        self._runtime = runtime
        self._tape = tape
        self._source = source
        self._removed = removed
        # The messages in the mailbox. `None` stands for one from before the recording.
        self._waiting: deque[_Message | None] = deque([None] * len(actor.mailbox.messages))
        self._current: _Message | None = None
        self._state = (actor.state, source.state)
        observe_actor(actor, self)

    @property
    def is_idle(self) -> bool:
        """Whether the result of each message is recorded."""
        handled, received = self.actor.progress
        return self.actor.ended or handled == received

    def end(self) -> None:
        """Record no more results."""
        unobserve_actor(self.actor, self)

    def arrives(self, message: Any) -> None:
        row, self.row = self.row, None
        try:
            self._waiting.append((row, None if row is not None else _copied(message)))
        except (_TooLarge, RecursionError):
            self._waiting.append(None)

    def begins(self) -> None:
        self._current = self._waiting.popleft() if self._waiting else None

    def returned(self, effects: Any, state: Any) -> None:
        self._store(effects, state, None)

    def raised(self, error: BaseException) -> None:
        # Its `__str__` may take time, and runs here, where the handler ran.
        text = f"{type(error).__name__}: {error_text(error)}"[:_LONGEST_ERROR]
        if self._runtime.thread.is_current:
            self._store((), self.actor.state, text)
        else:
            self._runtime.call_queue.put(self._store, (), self.actor.state, text)

    def _store(self, effects: Any, state: Any, error: str | None) -> None:
        if self._current is None:
            return
        row, message = self._current
        try:
            made = tuple(map(_copied, effects)) if effects else ()
            if state is not self._state[0] and not _is_same(state, self._state[1]):
                self._state = state, _copied(state)
        except (_TooLarge, RecursionError):
            return
        if self._removed and contains((made, self._state[1], error), self._removed):
            return
        self._tape.add_result(self._source, row, message, made, self._state[1], error)


def first_state(actor: Actor) -> Any:
    """Return the state of an actor as it is recorded, or `None` if it is too large."""
    try:
        return _copied(actor.state)
    except (_TooLarge, RecursionError):
        return None


def _is_same(state: Any, last: Any) -> bool:
    """Whether two dicts of plain values are equal. Other values may run code to compare themselves."""
    return (
        type(state) is dict
        and type(last) is dict
        and len(state) == len(last)
        and PLAIN.issuperset(map(type, state.values()))
        and PLAIN.issuperset(map(type, last.values()))
        and state == last
    )


def _copied(value: Any) -> Any:
    if type(value) in PLAIN:
        return value
    if rough_size(value) > MOST_BYTES:
        raise _TooLarge
    return snapshot(value)
