"""Feeds: the states of parts, changed by the messages of their topics, and shared by all pages with equal parts.

A state begins with the first server that has the part, and stays while a server replaces another.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

from zefnb.core.entity import Entity
from zefnb.core.wire import NO_VALUE, Encoded
from zefnb.engine.runtime import Runtime
from zefnb.net.page.part import Part
from zefnb.net.ports import Topics

# Visitors that a choice with `once=True` counts, and replies that are found again when a page repeats its input.
MOST_VOTERS = 100_000
MOST_REPLIES = 10_000

T = TypeVar("T")


class Feed:
    """The state of a part, and the pages that show it."""

    def __init__(self, part: Part) -> None:
        assert part.make_state is not None
        self.state = part.make_state()
        self.watchers: dict[Callable[[Any], None], None] = {}
        self._kind = part.kind
        self._inlets = [_Inlet(self, topic, number) for number, topic in enumerate(part.topics)]

    def open(self, topics: Topics) -> None:
        """Receive the messages of the topics."""
        for inlet in self._inlets:
            topics.subscribe(inlet.topic, inlet, "page")

    def close(self, topics: Topics) -> None:
        """Receive no more messages."""
        for inlet in self._inlets:
            topics.unsubscribe(inlet.topic, inlet)

    def add(self, content: Any, number: int) -> None:
        """Add a message, and pass the change to the pages."""
        item = self.state.add(content, number)
        if item is not None:
            for watcher in self.watchers:
                watcher(item)

    def __repr__(self) -> str:
        return f"<ET.{self._kind} of pages>"


class _Inlet:
    """The subscriber of one topic of a feed."""

    only_encodes = keeps_nothing = reads_value = True

    def __init__(self, feed: Feed, topic: Entity, number: int) -> None:
        self._feed, self.topic, self._number = feed, topic, number

    def deliver(self, content: Any) -> None:
        value = content.value if type(content) is Encoded else content
        if value is not NO_VALUE:  # published before the feed has subscribed
            self._feed.add(value, self._number)

    def __repr__(self) -> str:
        return repr(self._feed)


class Votes:
    """The visitors that have chosen, and their choices."""

    def __init__(self) -> None:
        self._choices: dict[str, str] = {}

    def of(self, visitor: str) -> str | None:
        """The choice of a visitor, if any."""
        return self._choices.get(visitor)

    def add(self, visitor: str, choice: str) -> bool:
        """Count a visitor. Returns false when there are too many."""
        if len(self._choices) >= MOST_VOTERS:
            return False
        self._choices[visitor] = choice
        return True


class _Shared(Generic[T]):
    """Objects by key, each as long as somewhere it is in use."""

    def __init__(self) -> None:
        self._used: dict[Hashable, tuple[T, int]] = {}

    def acquire(self, key: Hashable, make: Callable[[], T]) -> T:
        found, count = self._used.get(key) or (make(), 0)
        self._used[key] = found, count + 1
        return found

    def release(self, key: Hashable) -> T | None:
        """End one `acquire`. Returns the object after the last one."""
        found, count = self._used.pop(key)
        if count > 1:
            self._used[key] = found, count - 1
            return None
        return found


class Feeds:
    """The feeds and votes of all pages: a service of the runtime, used on the loop only."""

    def __init__(self, runtime: Runtime) -> None:
        self._feeds: _Shared[Feed] = _Shared()
        self._votes: _Shared[Votes] = _Shared()
        # The replies to input, by the random number that the page gave it.
        self._replies: OrderedDict[str, Any] = OrderedDict()

    def acquire(self, topics: Topics, part: Part) -> Feed:
        """The feed of a part, until `release`."""

        def make() -> Feed:
            feed = Feed(part)
            feed.open(topics)
            return feed

        return self._feeds.acquire(part.state_key, make)

    def release(self, topics: Topics, part: Part) -> None:
        """End one `acquire`."""
        feed = self._feeds.release(part.state_key)
        if feed is not None:
            feed.close(topics)

    def acquire_votes(self, part: Part) -> Votes:
        """The votes of a choice, until `release_votes`."""
        return self._votes.acquire(_votes_key(part), Votes)

    def release_votes(self, part: Part) -> None:
        """End one `acquire_votes`."""
        self._votes.release(_votes_key(part))

    def reply(self, number: str) -> Any:
        """The reply to input of this number, if it has had one."""
        return self._replies.get(number)

    def keep_reply(self, number: str, reply: Any) -> None:
        """Keep a reply for a while."""
        self._replies[number] = reply
        while len(self._replies) > MOST_REPLIES:
            self._replies.popitem(last=False)


def _votes_key(part: Part) -> Hashable:
    return (*part.options["options"], None, *(topic._uid for topic in part.push_into))
