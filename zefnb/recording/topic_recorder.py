"""Records what is published to topics."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

from zefnb.core.entity import ET, Topic
from zefnb.recording.source import PUBLISHED, Source
from zefnb.recording.tape import GrowingTape
from zefnb.topics.hub import WATCH, Hub


class _Subscriber:
    """Adds the messages of one topic to a tape."""

    def __init__(self, deliver: Callable[[Any], None]) -> None:
        self.deliver = deliver


class TopicRecorder:
    """Subscribes to topics, and to those whose names match a pattern as soon as there is one."""

    def __init__(self, tape: GrowingTape, hub: Hub, topics: list[Topic], patterns: list[str]) -> None:
        self._tape = tape
        self._hub = hub
        self._topics = topics
        self._patterns = patterns
        self._subscribers: dict[str, tuple[Topic, _Subscriber]] = {}

    def start(self) -> None:
        """Record from now on."""
        for topic in self._topics:
            self._subscribe(topic)
        if self._patterns:
            self._hub.watch_names(self)

    def detach(self) -> None:
        """Add no more rows."""
        if self._patterns:
            self._hub.unwatch_names(self)
        for topic, subscriber in self._subscribers.values():
            self._hub.unsubscribe(topic, subscriber)

    is_idle = True

    def end(self) -> None:
        """Nothing is left to end."""

    def named(self, name: str) -> None:
        """A message is published to the topic of this name, or it gets a subscriber."""
        if any(fnmatchcase(name, pattern) for pattern in self._patterns):
            self._subscribe(ET.Topic(name))

    def _subscribe(self, topic: Topic) -> None:
        known = self._subscribers.get(topic._uid or "")
        if known is None:
            source = self._tape.new_source(Source(0, topic))
            known = self._subscribers[topic._uid or ""] = topic, _Subscriber(self._tape.adder(PUBLISHED, source))
        self._hub.subscribe(topic, known[1], WATCH)
