"""Subscriptions: ops bound to topics, and their owners."""

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
from zefnb.topics import causes
from zefnb.topics.causes import Cause, may_return
from zefnb.topics.hub import Hub


class Listener(Actor):
    """The actor that runs a subscription's op. It drops a message that it has itself caused too often."""

    __slots__ = ("belongs_to", "only_reads", "target", "topic")

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
        self.only_reads = not behaviour.changes_messages
        self.topic = topic
        self.target = target
        self.belongs_to = belongs_to

    @property
    def cause(self) -> Cause:
        """The cause of the messages that it publishes: the cause of the current message, and itself."""
        cause: Cause | None = self.mailbox.cause
        if cause is None:
            cause = self.mailbox.cause = (self, [])  # stored, so that all messages for the current one share an origin
        return cause if self in cause else (self, *cause)

    def _may_take(self, cause: Cause) -> bool:
        if self not in cause or may_return(cause[-1]):
            return True
        self._dropped(cause)
        return False

    def _dropped(self, cause: Cause) -> None:
        """Write an entry to the journal; each loop of subscriptions has one entry with a count."""
        runtime, name = self._runtime, handler_name(self.behaviour.find(None, None))
        cell = runtime.cells.cell_of(self.handle)
        loop = dict.fromkeys(listener.topic for listener in reversed(cause[:-1]))
        where = f", subscribed by the cell {shown(cell)}," if cell is not None else ""
        text = (
            f"a message causes itself: the result of {name}{where} for a message of {self.topic!r} returned to it "
            f"{causes.MAX_RETURNS:,} times within {causes.WINDOW:.0f} s, by way of "
            f"{', '.join(map(repr, loop))}; it is dropped"
        )
        details: dict[str, Any] = {"topic": self.topic, "handler": name, "actor": self.handle, "cell": cell}
        runtime.journal.note("error", text, key=("causes itself", frozenset(loop)), **details)


class Subscriptions(Registry[Listener]):
    """Ops bound to topics: a service of the runtime.

    Each op is run by an actor without a state, so that it has a mailbox, and the same threads and errors as a handler.
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
        """Bind `op` to `topic`. Returns the topic's number of subscribers."""
        self._hub = hub
        listener = Listener(self._runtime, OpBehaviour(op, effects), handle, topic, target, owner)
        self.add(listener)
        if owner is not None:
            owner.own(handle, lambda: self.end(handle, at_once=True))
        return hub.subscribe(topic, listener, kind)

    def end(self, handle: Entity, at_once: bool = False) -> None:
        """End a subscription. Raises `NotRunning` if it has ended.

        Messages published before are still handled, unless `at_once` is true.
        """
        listener = self.get(handle)
        if self._hub is not None:
            self._hub.unsubscribe(listener.topic, listener)
        if at_once:
            listener.end()
        self.discard(listener)

    def discard(self, subscriber: Any) -> None:
        """Remove the subscription of `subscriber`, if it has one, after the hub has removed the subscriber."""
        if not isinstance(subscriber, Listener) or self.find(subscriber.handle) is None:
            return
        self.forget(subscriber.handle)
        if subscriber.belongs_to is not None:
            subscriber.belongs_to.disown(subscriber.handle)
        if self._hub is not None:
            self._hub.after_publishing(subscriber.finish)

    def target_of(self, subscriber: Any) -> Entity | None:
        """Return the topic that a subscription maps into, or its own handle, or `None` for other subscribers."""
        if not isinstance(subscriber, Listener):
            return None
        return subscriber.target or subscriber.handle
