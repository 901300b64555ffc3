"""The hub: who gets what, in which order.

One order: every subscriber of a topic sees the same messages in the same order. A publish made
while another is being delivered is queued, not nested, and the queue is drained in slices, bounded in number
and in time.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from zefnb.core.entity import Entity, Topic
from zefnb.core.lasting import PLAIN
from zefnb.core.snapshot import snapshot, too_deep
from zefnb.engine.actor import Actor
from zefnb.engine.loop import ITERATION_BUDGET
from zefnb.engine.runtime import Runtime
from zefnb.errors import FieldError, InvalidEffect, shown
from zefnb.text.short_repr import short_repr
from zefnb.topics.causes import Cause

_MAX_DELIVERIES_PER_ITERATION = 256
# The kind of a subscription by which the toolkit itself looks on: it is nobody's, and is not told of.
WATCH = "watch"


class Subscriber(Protocol):
    """Who can be subscribed: an actor, an op, an endpoint's sockets, an outward client.

    One that is done with the content when `deliver` returns, and does not change it, has a true
    `only_encodes`; each of the others is given content of its own. One that publishes what it makes of a message to
    one topic has it as `target`.
    """

    def deliver(self, content: Any) -> None:
        """Take one message, on the loop, without waiting."""


class TopicState:
    """A topic that somebody listens to."""

    __slots__ = ("_snapshot", "published", "subscribers", "topic")

    def __init__(self, topic: Entity) -> None:
        self.topic = topic
        self.published = 0
        # A dict for its order and quick removal; the value says what kind of binding it is.
        self.subscribers: dict[Subscriber, str] = {}
        self._snapshot: tuple[Subscriber, ...] | None = ()

    @property
    def snapshot(self) -> tuple[Subscriber, ...]:
        """Who is subscribed now: delivery walks this while subscribers come and go."""
        if self._snapshot is None:
            self._snapshot = tuple(self.subscribers)
        return self._snapshot

    def changed(self) -> None:
        """Somebody came or went."""
        self._snapshot = None


class _Callback:
    """What is to be done when everything published before has been delivered."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call

    def deliver(self, content: Any) -> None:
        self._call()


class Hub:
    """Topics and their subscribers: a service of the runtime, used on the loop only."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._topics: dict[str, TopicState] = {}
        # Each with those who were subscribed when it was published: who comes later gets nothing older,
        # who leaves has got everything before.
        self._queue: deque[tuple[Entity | None, tuple[Subscriber, ...], Any, Cause | None]] = deque()
        self._delivering = False

    def publish(self, topic: Entity, content: Any, cause: Cause | None = None) -> None:
        """Hand `content`, as it is now, to every subscriber of `topic`, after everything published before."""
        if topic._uid in self._topics:  # for nobody nothing is copied
            try:
                copy = content if type(content) in PLAIN else snapshot(content)
            except RecursionError:
                raise too_deep(repr(topic), "content") from None
            self.publish_snapshot(topic._uid, copy, cause)

    def publish_snapshot(self, key: str, content: Any, cause: Cause | None = None) -> None:
        """As `publish`, for what is a snapshot already."""
        state = self._topics.get(key)
        if state is None:
            return
        state.published += 1
        if self._delivering or self._queue:
            self._queue.append((state.topic, state.snapshot, content, cause))
            return
        self._delivering = True
        try:
            self._deliver(state.topic, state.snapshot, content, cause)
            if self._queue:
                self._drain()
        finally:
            self._delivering = False

    def after_delivery(self, call: Callable[[], None]) -> None:
        """Make `call` when everything published before has been delivered, which may be now."""
        if self._delivering or self._queue:
            self._queue.append((None, (_Callback(call),), None, None))
        else:
            call()

    def _deliver(
        self, topic: Entity | None, subscribers: tuple[Subscriber, ...], content: Any, cause: Cause | None
    ) -> None:
        if cause is not None:
            self._runtime.cause = cause
        last = None if type(content) in PLAIN else subscribers[-1]
        for subscriber in subscribers:
            try:
                if last is None or subscriber is last or getattr(subscriber, "only_encodes", False):
                    subscriber.deliver(content)
                else:
                    subscriber.deliver(snapshot(content))
            except BaseException as error:  # content of a user's type may raise what it likes
                text, key = f"delivery to {short_repr(subscriber)}", ("delivery", type(subscriber))
                self._runtime.journal.exception(text, error, key=key, topic=topic)
        if cause is not None:
            self._runtime.cause = None

    def _drain(self) -> None:
        queue, deadline = self._queue, 0.0
        for _ in range(_MAX_DELIVERIES_PER_ITERATION):
            self._deliver(*queue.popleft())
            if not queue:  # as nearly always, so nobody looks at the clock
                return
            now = time.monotonic()
            deadline = deadline or now + ITERATION_BUDGET
            if now > deadline:
                break
        self._runtime.loop.call_soon(self._continue)

    def _continue(self) -> None:
        self._delivering = True
        try:
            self._drain()
        finally:
            self._delivering = False

    def subscribe(self, topic: Entity, subscriber: Subscriber, kind: str) -> int:
        """Have `subscriber` get what is published from now on; returns how many there are."""
        state = self._topics.get(topic_key(topic))
        if state is None:
            state = self._topics[topic_key(topic)] = TopicState(topic)
        state.subscribers[subscriber] = kind
        state.changed()
        return len(state.subscribers)

    def unsubscribe(self, topic: Entity, subscriber: Subscriber) -> bool:
        """End a subscription; a topic without subscribers is forgotten. Returns whether there was one."""
        state = self._topics.get(topic_key(topic))
        if state is None or subscriber not in state.subscribers:
            return False
        del state.subscribers[subscriber]
        state.changed()
        if not state.subscribers:
            del self._topics[topic_key(topic)]
        return True

    def delete(self, topic: Entity) -> list[Subscriber]:
        """End every subscription of `topic`; returns whose they were."""
        state = self._topics.pop(topic_key(topic), None)
        if state is None:
            return []
        removed = list(state.subscribers)
        state.subscribers.clear()
        state.changed()
        return removed

    def subscribers(self, topic: Entity) -> tuple[Subscriber, ...]:
        """Who is subscribed to `topic`."""
        state = self._topics.get(topic_key(topic))
        return state.snapshot if state is not None else ()

    def are_congested(self, topics: Iterable[Entity]) -> bool:
        """Whether an actor behind `topics`, or behind what an op maps them into, has a full mailbox."""
        ahead = [topic_key(topic) for topic in topics]
        seen = set(ahead)
        while ahead:
            state = self._topics.get(ahead.pop())
            for subscriber in state.snapshot if state is not None else ():
                if not isinstance(subscriber, Actor):
                    continue
                if subscriber.mailbox.is_full:
                    return True
                target = getattr(subscriber, "target", None)
                if target is not None and (key := topic_key(target)) not in seen:
                    seen.add(key)
                    ahead.append(key)
        return False

    def bindings(self) -> list[tuple[Entity, Subscriber, str]]:
        """Every subscription: topic, subscriber and kind, in the order in which they were made."""
        return [
            (state.topic, subscriber, kind)
            for state in self._topics.values()
            for subscriber, kind in state.subscribers.items()
            if kind != WATCH
        ]

    def topics(self) -> list[TopicState]:
        """Every topic that somebody listens to."""
        return list(self._topics.values())


def topic_key(topic: Any) -> str:
    """What a topic is known by; `InvalidEffect` for what is no topic."""
    uid = getattr(topic, "_uid", None)
    if isinstance(topic, Topic) and isinstance(uid, str):
        return uid
    raise InvalidEffect(
        "topic", [FieldError("topic", f"got {shown(topic)}", "ET.Topic('name') or ET.Topic(generate_uid())")]
    )
