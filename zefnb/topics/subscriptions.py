"""Subscriptions: an op bound to a topic, and to whom it belongs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from zefnb.core.effect import Effect
from zefnb.core.entity import Entity
from zefnb.engine.actor import Actor
from zefnb.engine.behaviour import Listening, handler_name
from zefnb.engine.runtime import Runtime
from zefnb.errors import shown
from zefnb.topics.causes import MAX_RETURNS, WINDOW, Cause, may_return
from zefnb.topics.hub import Hub


class Listener(Actor):
    """The actor that does a subscription's work. It drops a message that it has caused itself too often."""

    __slots__ = ("target", "topic")

    def __init__(
        self, runtime: Runtime, behaviour: Listening, handle: Entity, topic: Entity, target: Entity | None
    ) -> None:
        super().__init__(runtime, behaviour, None, handle)
        self.topic = topic
        self.target = target

    @property
    def cause(self) -> Cause:
        """What leads to whatever it publishes: what led to the message under way, and itself."""
        cause: Cause | None = self.mailbox.cause
        if cause is None:
            cause = self.mailbox.cause = (self, [])  # kept: all that it publishes for this message has one origin
        return cause if self in cause else (self, *cause)

    def _may_take(self, cause: Cause) -> bool:
        if self not in cause or may_return(cause[-1]):
            return True
        self._dropped(cause)
        return False

    def _dropped(self, cause: Cause) -> None:
        """Say so: one entry in the journal for each such loop, counted."""
        runtime, name = self._runtime, handler_name(self.behaviour.find(None, None))
        cell = runtime.cells.cell_of(self.handle)
        loop = dict.fromkeys(listener.topic for listener in reversed(cause[:-1]))
        where = f", subscribed by the cell {shown(cell)}," if cell is not None else ""
        text = (
            f"a message causes itself: what {name}{where} makes of a message of {self.topic!r} came back to it "
            f"{MAX_RETURNS:,} times within {WINDOW:.0f} s, by way of {', '.join(map(repr, loop))}; it is dropped"
        )
        details: dict[str, Any] = {"topic": self.topic, "handler": name, "actor": self.handle, "cell": cell}
        runtime.journal.note("error", text, key=("causes itself", frozenset(loop)), **details)


class Bound(NamedTuple):
    """A subscription that runs: its topic, who does the work, and whose it is."""

    topic: Entity
    listener: Listener
    owner: Actor | None


class Subscriptions:
    """Ops bound to topics: a service of the runtime.

    The work is done by an actor without a state, so an op has a mailbox, runs where a handler would
    run, and fails as a handler fails.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._hub: Hub | None = None
        self._bound: dict[str | None, Bound] = {}
        self._handles: dict[Any, Entity] = {}

    def start(
        self,
        hub: Hub,
        handle: Entity,
        topic: Entity,
        op: Any,
        effects: Callable[[Any], Sequence[Effect]],
        kind: str,
        owner: Actor | None,
        target: Entity | None,
    ) -> int:
        """Bind `op` to `topic`; returns how many subscribers the topic has now."""
        self._hub = hub
        listener = Listener(self._runtime, Listening(op, effects), handle, topic, target)
        self._bound[handle._uid] = Bound(topic, listener, owner)
        self._handles[listener] = handle
        if owner is not None:
            owner.own(handle, lambda: self.end(handle, at_once=True))
        return hub.subscribe(topic, listener, kind)

    def is_running(self, handle: Entity) -> bool:
        """Whether that subscription is live."""
        return handle._uid in self._bound

    def end(self, handle: Entity, at_once: bool = False) -> None:
        """End a subscription; `NotRunning` when it has ended.

        What was published before is still handled, unless it is to end `at_once`.
        """
        bound = self._bound.get(handle._uid)
        if bound is None:
            raise self._runtime.not_running(handle)
        if self._hub is not None:
            self._hub.unsubscribe(bound.topic, bound.listener)
        if at_once:
            bound.listener.end()
        self.lost(bound.listener)

    def lost(self, listener: Any) -> None:
        """The hub has let go of `listener`: forget the subscription, if it is one."""
        handle = self._handles.pop(listener, None)
        if handle is None:
            return
        bound = self._bound.pop(handle._uid)
        if bound.owner is not None:
            bound.owner.disown(handle)
        if self._hub is not None:
            self._hub.after_delivery(bound.listener.finish)
        self._runtime.ended(handle._uid)
        self._runtime.cells.forget(handle)

    def target_of(self, listener: Any) -> Entity | None:
        """Where a subscription leads: the topic it maps into, or its own handle."""
        handle = self._handles.get(listener)
        if handle is None:
            return None
        return self._bound[handle._uid].listener.target or handle
