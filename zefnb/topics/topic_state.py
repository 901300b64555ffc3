"""The state of a topic: its subscribers."""

from __future__ import annotations

from typing import Any, Protocol

from zefnb.core.entity import Entity


class Subscriber(Protocol):
    """An actor, an op, the sockets of an endpoint, or an outward client.

    `only_encodes` is true if the subscriber neither changes the content nor uses it after `deliver`, `only_reads` if it
    does not change it; every other subscriber receives its own copy. `reads_value` is true if a subscriber that
    encodes also needs the content itself. `keeps_nothing` is true if it has no reference to the content after `deliver`
    either, so that nothing is copied for it. `target` is the topic to which a subscriber publishes its results, if any.
    `without(sender)`, if a subscriber has it, returns the subscriber for a message that `sender` must not receive.
    """

    def deliver(self, content: Any) -> None:
        """Receive one message, on the loop, without waiting."""


class TopicState:
    """A topic with subscribers."""

    __slots__ = ("_keeps_content", "_snapshot", "published", "readers", "sockets", "subscribers", "topic")

    def __init__(self, topic: Entity) -> None:
        self.topic = topic
        self.published = 0
        # A dict, for its order and quick removal; the value is the kind of the subscription.
        self.subscribers: dict[Subscriber, str] = {}
        # The numbers of subscribers that encode the content, and of those that need the content itself. Numbers, since
        # other threads read them.
        self.sockets = self.readers = 0
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

    def add(self, subscriber: Subscriber, kind: str) -> None:
        """Add a subscriber, or change the kind of its subscription."""
        if subscriber not in self.subscribers:
            self._count(subscriber, 1)
        self.subscribers[subscriber] = kind
        self._changed()

    def remove(self, subscriber: Subscriber) -> None:
        """Remove a subscriber that the topic has."""
        del self.subscribers[subscriber]
        self._count(subscriber, -1)
        self._changed()

    def clear(self) -> None:
        """Remove all subscribers."""
        self.subscribers.clear()
        self.sockets = self.readers = 0
        self._changed()

    def _count(self, subscriber: Subscriber, step: int) -> None:
        if is_socket(subscriber):
            self.sockets += step
            if not getattr(subscriber, "reads_value", False):
                return
        self.readers += step

    def _changed(self) -> None:
        self._snapshot = self._keeps_content = None


def is_socket(subscriber: Subscriber) -> bool:
    """Whether a subscriber encodes the content, as sockets do."""
    return getattr(subscriber, "only_encodes", False)
