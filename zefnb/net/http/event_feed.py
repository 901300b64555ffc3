"""An event feed: the messages of topics as events, each of which is encoded once for all clients and kept once."""

from __future__ import annotations

from typing import Any

from zefnb.core.entity import Entity
from zefnb.core.wire import Nan
from zefnb.engine.runtime import Runtime
from zefnb.net.http.event_format import event
from zefnb.net.http.event_history import EventHistory
from zefnb.net.ports import Topics
from zefnb.net.websocket.backlog import joined
from zefnb.net.websocket.outbox import Delivery, Outbox, Writer

# Bytes: a longer batch is written within the iteration.
_LONGEST_BATCH = 262_144

_NO_CLIENTS: frozenset[Writer] = frozenset()

# The topics of a feed, the length of its history, and its treatment of NaN.
FeedKey = tuple[tuple[Entity, ...], int, Nan]


class _Subscriber:
    """The subscriber to one topic of a feed."""

    only_encodes = keeps_nothing = True

    def __init__(self, feed: EventFeed, number: int) -> None:
        self._feed, self._number = feed, number

    def deliver(self, content: Any) -> None:
        """Send `content` to each client of the feed."""
        self._feed.deliver(self._number, content)

    def topic_deleted(self) -> None:
        """The present clients of the feed get no more messages of the topic."""
        self._feed.topic_deleted(self._number)

    def __repr__(self) -> str:
        return repr(self._feed)


class EventFeed:
    """The clients of all event streams with the same topics, the same length of the history, and the same `nan`."""

    def __init__(self, runtime: Runtime, topics: Topics, key: FeedKey) -> None:
        of_topics, length, self._nan = key
        self._topics = topics
        self._outbox = runtime.service(Outbox)
        self._has_history = length > 0
        self._history = EventHistory(length, len(of_topics))
        self._clients: dict[Writer, None] = {}
        self._members: tuple[Writer, ...] | None = None
        # By the number of a topic that was deleted: the clients of then, which get none of its messages any more.
        self._left: dict[int, frozenset[Writer]] = {}
        self._unsubscribed: set[int] = set()
        # Those of them that do not get the messages of the batch.
        self._without: frozenset[Writer] = _NO_CLIENTS
        self._frames: list[bytes] = []
        self._size = 0
        # The number of streams that use this.
        self.users = 0
        self._subscribers = [(topic, _Subscriber(self, number)) for number, topic in enumerate(of_topics)]
        for topic, subscriber in self._subscribers:
            # Also without clients: positions count all messages, so that a client learns how many it has missed.
            topics.subscribe(topic, subscriber, "websocket")

    def deliver(self, topic: int, content: Any) -> None:
        """Send a message of the topic of this number, at the end of this loop iteration."""
        history = self._history
        if not self._clients and not self._has_history:
            history.position += 1
            return
        frame = event(history.next_identity, content, self._nan)
        history.add(topic, frame)
        if not self._clients:
            return
        without = self._left.get(topic, _NO_CLIENTS)
        if self._outbox.batch is not self or without is not self._without:
            self._outbox.end_batch()
            self._without = without
            self._outbox.begin_batch(self)
        self._frames.append(frame)
        self._size += len(frame)
        if self._size > _LONGEST_BATCH:
            self._outbox.flush()

    def take(self) -> list[Delivery]:
        """The events of the batch, joined into pieces, for the clients of now."""
        frames, self._frames, self._size = self._frames, [], 0
        if self._members is None:
            self._members = tuple(self._clients)
        members = self._members
        if self._without:
            members = tuple(each for each in members if each not in self._without)
        return [(data, count, members) for data, count in joined([(frame, 1) for frame in frames])]

    def topic_deleted(self, topic: int) -> None:
        """Send no more messages of the topic of this number to the present clients."""
        self._membership_changes()
        self._left[topic] = frozenset(self._clients)
        self._unsubscribed.add(topic)
        self._history.clear(topic)

    def _subscribe_again(self) -> None:
        """Subscribe to topics that were deleted: a new client gets what is published to them from now on."""
        for number in self._unsubscribed:
            topic, subscriber = self._subscribers[number]
            self._topics.subscribe(topic, subscriber, "websocket")
        self._unsubscribed.clear()

    def add(self, client: Writer, last_event_id: str) -> int | None:
        """Add a client: it gets the events that it has missed, or the last ones, and then each that follows.

        Returns the number of those that it has missed for good, `None` if that is unknown.
        """
        self._membership_changes()
        self._subscribe_again()
        missing: int | None = 0
        pieces = self._history.last()
        if last_event_id:
            pieces, missing = self._history.after(last_event_id)
        for data, count in joined(pieces) if pieces else ():
            client.send_raw(data, count)
        self._clients[client] = None
        return missing

    def discard(self, client: Writer) -> None:
        """Remove a client that has left."""
        self._membership_changes()
        self._clients.pop(client, None)
        if self._left:
            self._left = {topic: left - {client} for topic, left in self._left.items() if left != {client}}

    def _membership_changes(self) -> None:
        if self._outbox.batch is self:
            self._outbox.end_batch()
        self._members = None

    def close(self) -> None:
        """Receive no more messages."""
        for topic, subscriber in self._subscribers:
            self._topics.unsubscribe(topic, subscriber)

    def __repr__(self) -> str:
        return f"<{len(self._clients)} event streams>"


class EventFeeds:
    """The feeds that are in use: a service of the runtime.

    A server that replaces another one acquires its feeds before the other one releases them, so that clients resume.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._feeds: dict[FeedKey, EventFeed] = {}

    def acquire(self, topics: Topics, key: FeedKey) -> EventFeed:
        """The feed for a stream, until `release`."""
        if key not in self._feeds:
            self._feeds[key] = EventFeed(self._runtime, topics, key)
        self._feeds[key].users += 1
        return self._feeds[key]

    def release(self, key: FeedKey) -> None:
        """End one `acquire`. After the last one the feed ends."""
        feed = self._feeds[key]
        feed.users -= 1
        if not feed.users:
            del self._feeds[key]
            feed.close()
