"""Ticks: the messages of a timer, and whether they have been handled."""

from __future__ import annotations

from zefnb.core.entity import Topic
from zefnb.engine.actor import Actor
from zefnb.topics.hub import Hub, Subscriber


class Tick:
    """One message of a timer, and whether all of its subscribers have handled it."""

    __slots__ = ("_hub", "_marks", "_topic")

    def __init__(self, hub: Hub, topic: Topic, content: object) -> None:
        self._hub = hub
        self._topic = topic
        # For each subscriber that has not handled it at once, the number of handled messages after which it has.
        self._marks: dict[Subscriber, int] | None = None
        hub.publish(topic, content)
        hub.after_delivery(self._delivered)

    def _delivered(self) -> None:
        self._marks = {
            subscriber: subscriber.progress.received  # type: ignore[attr-defined]
            for subscriber in self._hub.subscribers(self._topic)
            if getattr(subscriber, "is_behind", False)
        }

    @property
    def is_handled(self) -> bool:
        """Whether every current subscriber has handled it."""
        if not self._marks:
            return self._marks is not None
        subscribers = self._hub.subscribers(self._topic)
        return not any(
            subscriber in subscribers and subscriber.progress.handled < mark  # type: ignore[attr-defined]
            for subscriber, mark in self._marks.items()
        )


class MadeTick:
    """One call of the function that makes a timer's content, and whether its result has been published."""

    __slots__ = ("_maker", "_mark")

    def __init__(self, maker: Actor) -> None:
        self._maker = maker
        maker.deliver(None)
        self._mark = maker.progress.received

    @property
    def is_handled(self) -> bool:
        """Whether the call has ended."""
        return self._maker.progress.handled >= self._mark
