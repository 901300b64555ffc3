"""The hub: it delivers messages to the subscribers of topics.

All subscribers of a topic receive the same messages in the same order. A message that is published during a delivery
is queued, and the deliveries of one loop iteration are bounded in number and in time.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from zefnb.core.copy_rules import PLAIN
from zefnb.core.entity import Entity, Topic
from zefnb.core.snapshot import flat_copy, nested_snapshot, snapshot, too_deep
from zefnb.core.wire import check_content
from zefnb.engine.actor import Actor
from zefnb.engine.loop import ITERATION_BUDGET
from zefnb.engine.runtime import Runtime
from zefnb.errors import FieldError, InvalidEffect, shown
from zefnb.text.short_repr import short_repr
from zefnb.topics.causes import Cause

_MAX_DELIVERIES_PER_ITERATION = 256
# The kind of the subscriptions of zefnb's own displays, which are not listed.
WATCH = "watch"


class Subscriber(Protocol):
    """An actor, an op, the sockets of an endpoint, or an outward client.

    `only_encodes` is true if the subscriber neither changes the content nor uses it after `deliver`; every other
    subscriber receives its own copy. `keeps_nothing` is true if it has no reference to the content after `deliver`
    either, so that nothing is copied for it. `target` is the topic to which a subscriber publishes its results, if any.
    """

    def deliver(self, content: Any) -> None:
        """Receive one message, on the loop, without waiting."""


class TopicState:
    """A topic with subscribers."""

    __slots__ = ("_keeps_content", "_snapshot", "published", "subscribers", "topic")

    def __init__(self, topic: Entity) -> None:
        self.topic = topic
        self.published = 0
        # A dict, for its order and quick removal; the value is the kind of the subscription.
        self.subscribers: dict[Subscriber, str] = {}
        self._snapshot: tuple[Subscriber, ...] | None = ()
        self._keeps_content: bool | None = None

    @property
    def snapshot(self) -> tuple[Subscriber, ...]:
        """The current subscribers, as a tuple that does not change during a delivery."""
        if self._snapshot is None:
            self._snapshot = tuple(self.subscribers)
        return self._snapshot

    @property
    def keeps_content(self) -> bool:
        """Whether a subscriber may have the content after its `deliver`."""
        if self._keeps_content is None:
            self._keeps_content = not all(getattr(each, "keeps_nothing", False) for each in self.snapshot)
        return self._keeps_content

    def changed(self) -> None:
        """Discard what is known about the subscribers after a change of them."""
        self._snapshot = self._keeps_content = None


class _Callback:
    """A call that is made once all earlier messages have been delivered."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call

    def deliver(self, content: Any) -> None:
        self._call()


class Hub:
    """Topics and their subscribers: a service of the runtime, used on the loop only."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._topics: dict[str, TopicState] = {}
        # Each message is stored with the subscribers at the time of publishing: a later subscriber receives no older
        # messages, and one that has unsubscribed receives all earlier ones.
        self._queue: deque[tuple[Entity | None, tuple[Subscriber, ...], Any, Cause | None]] = deque()
        self._delivering = False

    def publish(self, topic: Entity, content: Any, cause: Cause | None = None, check: bool = False) -> None:
        """Deliver a copy of `content` to every subscriber of `topic`, after all earlier messages.

        With `check`, raises `InvalidValue` as `copied` does; otherwise content that cannot be sent is an error in the
        journal.
        """
        key = topic._uid or ""
        state = self._topics.get(key)
        if state is None:  # without subscribers nothing is copied
            return
        if type(content) in PLAIN:
            check = False
        elif self._delivering or self._queue or state.keeps_content:
            content, check = self.copied(key, content, check), False
        # Otherwise only sockets receive it, which encode it now.
        self.publish_snapshot(key, content, cause, check)

    def copied(self, key: str, content: Any, check: bool = True) -> Any:
        """Return a copy of `content` to publish to the topic of this key. In any thread.

        With `check`, raises `InvalidValue` if the topic has sockets and no frame can carry the content.
        """
        try:
            copy = flat_copy(content)
            if copy is not None:
                return copy
            copy, is_foreign = nested_snapshot(content)
        except RecursionError:
            raise too_deep("FX.Publish", "content") from None
        if check and is_foreign and self._is_sent(key):
            check_content(copy)
        return copy

    def _is_sent(self, key: str) -> bool:
        state = self._topics.get(key)
        return state is not None and any(getattr(each, "only_encodes", False) for each in state.snapshot)

    def publish_snapshot(self, key: str, content: Any, cause: Cause | None = None, check: bool = False) -> None:
        """As `publish`, for content that is already a snapshot, or of which nothing is kept.

        With `check`, content that cannot be sent is the publisher's error and not in the journal.
        """
        state = self._topics.get(key)
        if state is None:
            return
        state.published += 1
        if self._delivering or self._queue:
            self._queue.append((state.topic, state.snapshot, content, cause))
            return
        self._delivering = True
        try:
            is_delivered = self._deliver(state.topic, state.snapshot, content, cause, check)
            if self._queue:
                self._drain()
        finally:
            self._delivering = False
        if not is_delivered:
            check_content(content)

    def after_delivery(self, call: Callable[[], None]) -> None:
        """Call `call` once all earlier messages have been delivered, which may be now."""
        if self._delivering or self._queue:
            self._queue.append((None, (_Callback(call),), None, None))
        else:
            call()

    def _deliver(
        self,
        topic: Entity | None,
        subscribers: tuple[Subscriber, ...],
        content: Any,
        cause: Cause | None,
        check: bool = False,
    ) -> bool:
        """Deliver a message to each subscriber. Returns whether it can be sent, as far as that is to be checked."""
        is_delivered = True
        if cause is not None:
            self._runtime.cause = cause
        last = None if type(content) in PLAIN else subscribers[-1]
        for subscriber in subscribers:
            try:
                if last is None or subscriber is last or getattr(subscriber, "only_encodes", False):
                    subscriber.deliver(content)
                else:
                    subscriber.deliver(snapshot(content))
            except BaseException as error:  # content of a user's type may raise any exception
                if check and not _can_be_sent(content):
                    is_delivered = False
                    continue
                text, key = f"delivery to {short_repr(subscriber)}", ("delivery", type(subscriber))
                self._runtime.journal.exception(text, error, key=key, topic=topic)
        if cause is not None:
            self._runtime.cause = None
        return is_delivered

    def _drain(self) -> None:
        queue, deadline = self._queue, 0.0
        for _ in range(_MAX_DELIVERIES_PER_ITERATION):
            self._deliver(*queue.popleft())
            if not queue:  # the usual case, without reading the clock
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
        """Deliver messages published from now on to `subscriber`. Returns the number of subscribers."""
        state = self._topics.get(topic_key(topic))
        if state is None:
            state = self._topics[topic_key(topic)] = TopicState(topic)
        state.subscribers[subscriber] = kind
        state.changed()
        return len(state.subscribers)

    def unsubscribe(self, topic: Entity, subscriber: Subscriber) -> bool:
        """End a subscription. Returns false if there was none."""
        state = self._topics.get(topic_key(topic))
        if state is None or subscriber not in state.subscribers:
            return False
        del state.subscribers[subscriber]
        state.changed()
        if not state.subscribers:
            del self._topics[topic_key(topic)]
        return True

    def delete(self, topic: Entity) -> list[Subscriber]:
        """End every subscription of `topic`. Returns the subscribers."""
        state = self._topics.pop(topic_key(topic), None)
        if state is None:
            return []
        removed = list(state.subscribers)
        state.subscribers.clear()
        state.changed()
        return removed

    def subscribers(self, topic: Entity) -> tuple[Subscriber, ...]:
        """Return the subscribers of `topic`."""
        state = self._topics.get(topic_key(topic))
        return state.snapshot if state is not None else ()

    def are_congested(self, topics: Iterable[Entity]) -> bool:
        """Whether an actor that subscribes to `topics`, or to topics they are mapped into, has a full mailbox."""
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
        """Return the topic, subscriber and kind of every subscription, in the order in which they were made."""
        return [
            (state.topic, subscriber, kind)
            for state in self._topics.values()
            for subscriber, kind in state.subscribers.items()
            if kind != WATCH
        ]

    def topics(self) -> list[TopicState]:
        """Return every topic with subscribers."""
        return list(self._topics.values())


def _can_be_sent(content: Any) -> bool:
    try:
        check_content(content)
    except Exception:  # also what a converter of the user's raises
        return False
    return True


def topic_key(topic: Any) -> str:
    """Return the uid or name of a topic. Raises `InvalidEffect` if it has none, or is not a topic."""
    uid = getattr(topic, "_uid", None)
    if isinstance(topic, Topic) and isinstance(uid, str):
        return uid
    raise InvalidEffect(
        "topic", [FieldError("topic", f"got {shown(topic)}", "ET.Topic('name') or ET.Topic(generate_uid())")]
    )
