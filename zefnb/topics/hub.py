"""The hub: it delivers messages to the subscribers of topics.

All subscribers of a topic receive the same messages in the same order. A message that is published during a delivery
is queued, and the deliveries of one loop iteration are bounded in number and in time.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

from zefnb.core.copy_rules import PLAIN
from zefnb.core.entity import Entity, Success, Topic
from zefnb.core.snapshot import snapshot, too_deep
from zefnb.core.wire import NO_VALUE, Encoded, checked
from zefnb.engine.actor import Actor
from zefnb.engine.loop import ITERATION_BUDGET
from zefnb.engine.runtime import Runtime
from zefnb.errors import FieldError, InvalidEffect, shown
from zefnb.topics.causes import Cause
from zefnb.topics.topic_state import Subscriber as Subscriber
from zefnb.topics.topic_state import TopicState as TopicState
from zefnb.topics.topic_state import is_socket

if TYPE_CHECKING:
    from zefnb.topics.watched_names import NameWatcher

_MAX_DELIVERIES_PER_ITERATION = 256
# The types of messages that can be encoded without a copy.
_MESSAGES = frozenset({dict, list, tuple})
_NO_SUBSCRIBER: Any = object()
# The kind of the subscriptions of zefnb's own displays, which are not listed.
WATCH = "watch"


class _Callback:
    """A call that is made once all earlier messages have been delivered."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call

    def deliver(self, content: Any) -> None:
        self._call()


class SharedTopics(Protocol):
    """The states of the topics that a cluster shares, and `None` for other topics."""

    call_after: Callable[[Callable[[], None]], None]
    # Publishes with a key, a content and its cause. Returns what a caller, if there is one, or capacity is to await.
    publish_effect: Callable[[str, Any, Any, bool], Awaitable[Success] | None]

    def __getitem__(self, key: str, /) -> TopicState | None: ...


class Hub:
    """Topics and their subscribers: a service of the runtime, used on the loop only."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._topics: dict[str, TopicState] = {}
        # Each message is stored with the subscribers at the time of publishing: a later subscriber receives no older
        # messages, and one that has unsubscribed receives all earlier ones.
        self._queue: deque[tuple[Entity | None, tuple[Subscriber, ...], Any, Cause | None]] = deque()
        self._delivering = False
        # The states of shared topics, if this process has joined a cluster; `None` for other topics.
        self.sharing: SharedTopics | None = None

    def publish(
        self, topic: Entity, content: Any, cause: Cause | None = None, check: bool = False, sender: Any = None
    ) -> None:
        """Deliver a copy of `content` to every subscriber of `topic` but `sender`, after all earlier messages.

        With `check`, raises `InvalidValue` as `copied` does; otherwise content that cannot be sent is an error in the
        journal.
        """
        key = topic._uid or ""
        state = self._topics.get(key)
        # Without subscribers nothing is copied.
        if state is None and (self.sharing is None or (state := self.sharing[key]) is None):
            return
        is_delivered_now = not self._delivering and not self._queue
        if not is_delivered_now or (type(content) not in PLAIN and state.keeps_content):
            content, check = (self.copied(key, content) if check and state.sockets else _copy_of(content)), False
        # Otherwise it needs no copy: it cannot change, or only sockets receive it, which encode it now.
        self._publish(state, content, cause, check, sender)

    def copied(self, key: str, content: Any, check: bool = True) -> Any:
        """Return a copy of `content` to publish to the topic of this key. In any thread.

        With `check`, the copy is `Encoded` if the topic has sockets, unless it is text or bytes. Raises `InvalidValue`
        then if no frame can carry the content. If all subscribers are sockets, the text is enough: it has no value.
        """
        state = self._topics.get(key)
        is_encoded = check and state is not None and state.sockets > 0
        if is_encoded and state is not None and not state.readers and type(content) in _MESSAGES:
            encoded = Encoded(content)
            if encoded.is_exact:
                encoded.value = NO_VALUE
                return encoded
        copy = _copy_of(content)
        return checked(copy) if is_encoded else copy

    def publish_snapshot(
        self, key: str, content: Any, cause: Cause | None = None, check: bool = False, sender: Any = None
    ) -> None:
        """As `publish`, for content that is already a snapshot, or of which nothing is kept.

        With `check`, content that cannot be sent is the publisher's error and not in the journal.
        """
        state = self._topics.get(key)
        if state is not None or (self.sharing is not None and (state := self.sharing[key]) is not None):
            self._publish(state, content, cause, check, sender)

    def _publish(self, state: TopicState, content: Any, cause: Cause | None, check: bool, sender: Any) -> None:
        state.published += 1
        subscribers = state.snapshot if sender is None else _without(state.snapshot, sender)
        if self._delivering or self._queue:
            self._queue.append((state.topic, subscribers, content, cause))
            return
        self._delivering = True
        try:
            is_delivered = self._deliver(state.topic, subscribers, content, cause, check)
            if self._queue:
                self._drain()
        finally:
            self._delivering = False
        if not is_delivered:
            checked(content)

    def receive(
        self, topic: Entity, subscribers: tuple[Subscriber, ...], content: Any, cause: Cause | None, sender: Any
    ) -> None:
        """Deliver a message from another place to these subscribers, after all earlier messages."""
        if sender is not None:
            subscribers = _without(subscribers, sender)
        if not subscribers:
            return
        if self._delivering or self._queue:
            self._queue.append((topic, subscribers, content, cause))
            return
        self._delivering = True
        try:
            self._deliver(topic, subscribers, content, cause)
            if self._queue:
                self._drain()
        finally:
            self._delivering = False

    def share(self, sharing: SharedTopics | None) -> None:
        """Deliver messages of the topics in `sharing` to the states there; with `None`, share no topic."""
        self.sharing = sharing
        for key, state in list(self._topics.items()):
            wanted = None if sharing is None else sharing[key]
            if wanted is None and type(state) is TopicState:
                continue
            self._topics[key] = wanted = TopicState(state.topic) if wanted is None else wanted
            for subscriber, kind in state.subscribers.items():
                wanted.add(subscriber, kind)

    @property
    def is_delivering(self) -> bool:
        """Whether messages wait until others have been delivered."""
        return self._delivering or bool(self._queue)

    def state(self, key: str) -> TopicState | None:
        """Return the topic of this key, if it has subscribers."""
        return self._topics.get(key)

    def after_delivery(self, call: Callable[[], None]) -> None:
        """Call `call` once all earlier messages have been delivered, which may be now."""
        if self._delivering or self._queue:
            self._queue.append((None, (_Callback(call),), None, None))
        else:
            call()

    def after_publishing(self, call: Callable[[], None]) -> None:
        """As `after_delivery`, and once earlier messages to shared topics have come back from the cluster."""
        if self.sharing is None:
            self.after_delivery(call)
        else:
            self.sharing.call_after(lambda: self.after_delivery(call))

    def _deliver(
        self,
        topic: Entity | None,
        subscribers: tuple[Subscriber, ...],
        content: Any,
        cause: Cause | None,
        check: bool = False,
    ) -> bool:
        """Deliver a message to each subscriber. Returns whether it can be sent, as far as that is to be checked."""
        is_delivered, encoded, kind = True, content, type(content)
        if kind is Encoded:
            content = content.value
        if cause is not None:
            self._runtime.cause = cause
        # The last subscriber receives the content itself, unless another one has kept it.
        last = None if kind in PLAIN else subscribers[-1]
        for subscriber in subscribers:
            try:
                if last is None:
                    subscriber.deliver(content)
                elif getattr(subscriber, "only_encodes", False):
                    subscriber.deliver(encoded)
                elif content is NO_VALUE:
                    self._deliver_text(topic, subscriber, encoded)
                elif getattr(subscriber, "only_reads", False):
                    subscriber.deliver(content)
                    last = _NO_SUBSCRIBER
                else:
                    subscriber.deliver(content if subscriber is last else snapshot(content))
            except BaseException as error:  # content of a user's type may raise any exception
                if check and not _can_be_sent(content):
                    is_delivered = False
                    continue
                # The text of zefnb's own object: `short_repr` would first count the parts of everything it refers to.
                text, key = f"delivery to {subscriber!r}", ("delivery", type(subscriber))
                self._runtime.report(text, error, key=key, topic=topic)
        if cause is not None:
            self._runtime.cause = None
        return is_delivered

    def _deliver_text(self, topic: Entity | None, subscriber: Subscriber, encoded: Encoded) -> None:
        """Deliver content without a value to a subscriber that needs one, which has come while it was published.

        It was published before, so the subscriber does not receive it. If the topic has become shared meanwhile, its
        sockets do.
        """
        state = self._topics.get(topic_key(topic))
        if state is not None and subscriber not in state.subscribers:
            for each in tuple(state.subscribers):
                if is_socket(each):
                    each.deliver(encoded)

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
        key = topic_key(topic)
        state = self._topics.get(key)
        if state is None:
            shared = None if self.sharing is None else self.sharing[key]
            state = self._topics[key] = TopicState(topic) if shared is None else shared
        state.add(subscriber, kind)
        return len(state.subscribers)

    def unsubscribe(self, topic: Entity, subscriber: Subscriber) -> bool:
        """End a subscription. Returns false if there was none."""
        key = topic_key(topic)
        state = self._topics.get(key)
        if state is None or subscriber not in state.subscribers:
            return False
        state.remove(subscriber)
        if not state.subscribers:
            del self._topics[key]
        return True

    def delete(self, topic: Entity) -> list[Subscriber]:
        """End every subscription of `topic`. Returns the subscribers."""
        state = self._topics.pop(topic_key(topic), None)
        if state is None:
            return []
        removed = list(state.subscribers)
        state.clear()
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
                if self.sharing is not None and getattr(subscriber, "is_congested", False):
                    return True
                if not isinstance(subscriber, Actor):
                    continue
                if subscriber.mailbox.is_full:
                    return True
                target = getattr(subscriber, "target", None)
                if target is not None and (key := topic_key(target)) not in seen:
                    seen.add(key)
                    ahead.append(key)
        return False

    def full_actors(self, subscribers: Iterable[Subscriber]) -> list[Actor]:
        """Return the actors among these that have a full mailbox."""
        return [each for each in subscribers if isinstance(each, Actor) and each.mailbox.is_full]

    def bindings(self) -> list[tuple[Entity, Subscriber, str]]:
        """Return the topic, subscriber and kind of every subscription, in the order in which they were made."""
        return [
            (state.topic, subscriber, kind)
            for state in self._topics.values()
            for subscriber, kind in state.subscribers.items()
            if kind != WATCH
        ]

    def watch_names(self, watcher: NameWatcher) -> None:
        """Pass the name of each topic to `watcher` before the topic is first used."""
        from zefnb.topics.watched_names import WatchedNames  # which most programs never need

        if not isinstance(self._topics, WatchedNames):
            self._topics = WatchedNames(self._topics)
        self._topics.watch(watcher)

    def unwatch_names(self, watcher: NameWatcher) -> None:
        """Remove a watcher; the last one restores the hub."""
        topics: Any = self._topics
        topics.watchers.remove(watcher)
        if not topics.watchers:
            self._topics = dict(topics)

    def topics(self) -> list[TopicState]:
        """Return every topic with subscribers."""
        return list(self._topics.values())


def _without(subscribers: tuple[Subscriber, ...], sender: Any) -> tuple[Subscriber, ...]:
    """The subscribers that receive a message of `sender`."""
    return tuple(each.without(sender) if hasattr(each, "without") else each for each in subscribers)


def _copy_of(content: Any) -> Any:
    """Return a copy of published content. Raises `InvalidValue` if it is nested too deeply."""
    try:
        return snapshot(content)
    except RecursionError:
        raise too_deep("FX.Publish", "content") from None


def _can_be_sent(content: Any) -> bool:
    try:
        checked(content)
    except Exception:  # also what a converter of the user's raises
        return False
    return True


def topic_key(topic: Any, field: str = "topic") -> str:
    """Return the uid or name of a topic, which an effect has in `field`.

    Raises `InvalidEffect` if it has none, or is not a topic.
    """
    uid = getattr(topic, "_uid", None)
    if isinstance(topic, Topic) and isinstance(uid, str):
        return uid
    raise InvalidEffect("", [FieldError(field, f"got {shown(topic)}", "ET.Topic('name') or ET.Topic(generate_uid())")])
