"""Subscriptions: an op bound to a topic, and to whom it belongs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from zefnb.core.effect import Effect
from zefnb.core.entity import Entity
from zefnb.engine.actor import Actor
from zefnb.engine.behaviour import OpBehaviour, handler_name
from zefnb.engine.registry import Registry
from zefnb.engine.runtime import Runtime
from zefnb.errors import shown
from zefnb.topics.causes import MAX_RETURNS, WINDOW, Cause, may_return
from zefnb.topics.hub import Hub


class Listener(Actor):
    """The actor that does a subscription's work. It drops a message that it has caused itself too often."""

    __slots__ = ("belongs_to", "target", "topic")

    def __init__(
        self,
        runtime: Runtime,
        behaviour: OpBehaviour,
        handle: Entity,
        topic: Entity,
        target: Entity | None,
        belongs_to: Actor | None,
    ) -> None:
        super().__init__(runtime, behaviour, None, handle)
        self.topic = topic
        self.target = target
        self.belongs_to = belongs_to

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


class Subscriptions(Registry[Listener]):
    """Ops bound to topics: a service of the runtime.

    The work is done by an actor without a state, so an op has a mailbox, runs where a handler would
    run, and fails as a handler fails.
    """

    listed_by = "FX.StreamGraphSnapshot()"

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime)
        self._hub: Hub | None = None

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
        listener = Listener(self._runtime, OpBehaviour(op, effects), handle, topic, target, owner)
        self.add(listener)
        if owner is not None:
            owner.own(handle, lambda: self.end(handle, at_once=True))
        return hub.subscribe(topic, listener, kind)

    def end(self, handle: Entity, at_once: bool = False) -> None:
        """End a subscription; `NotRunning` when it has ended.

        What was published before is still handled, unless it is to end `at_once`.
        """
        listener = self.get(handle)
        if self._hub is not None:
            self._hub.unsubscribe(listener.topic, listener)
        if at_once:
            listener.end()
        self.discard(listener)

    def discard(self, subscriber: Any) -> None:
        """The hub has let go of `subscriber`: forget the subscription, if it is one."""
        if not isinstance(subscriber, Listener) or self.find(subscriber.handle) is None:
            return
        self.forget(subscriber.handle)
        if subscriber.belongs_to is not None:
            subscriber.belongs_to.disown(subscriber.handle)
        if self._hub is not None:
            self._hub.after_delivery(subscriber.finish)

    def target_of(self, subscriber: Any) -> Entity | None:
        """Where a subscription leads: the topic it maps into, or its own handle; `None` for other subscribers."""
        if not isinstance(subscriber, Listener):
            return None
        return subscriber.target or subscriber.handle
