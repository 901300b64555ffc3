"""Sharing: which topics are shared, and the state of a shared topic in the hub.

A message for a shared topic goes to the log instead of to the subscribers. They receive it when this node reads it
from the log, so that all nodes deliver all shared messages in one order.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from zefnb.core.entity import ET, Entity, Success, Topic
from zefnb.core.uid import is_uid
from zefnb.engine.actor import Actor
from zefnb.errors import FieldError, InvalidEffect, shown
from zefnb.topics.hub import Subscriber, TopicState

# Of decisions that are remembered.
_MOST_KEYS = 20_000
_ALLOWED = "'*', or a list of names, patterns such as 'sensors/*', and topics"

Receivers = tuple[Subscriber, ...]
# Publishes with the key of a topic, the content, its cause, its sender, and the subscribers in this process.
Publish = Callable[[str, Any, Any, Any, Receivers], None]


class LogPublisher:
    """The one subscriber to which the hub delivers the published messages of a shared topic.

    It is made again when a subscriber comes or goes: `receivers` are those at the time of publishing.
    """

    keeps_nothing = True
    __slots__ = ("_is_full", "_publish", "_receivers", "_sender", "key", "runtime", "state")

    def __init__(
        self,
        runtime: Any,
        key: str,
        publish: Publish,
        is_full: Callable[[], bool],
        state: SharedState | None = None,
        receivers: Receivers = (),
        sender: Any = None,
    ) -> None:
        self._is_full = is_full
        self.runtime = runtime
        self.key = key
        self._publish = publish
        self._receivers = receivers
        self._sender = sender
        self.state = state

    def __repr__(self) -> str:
        return f"the cluster, for {self.key!r}"

    @property
    def is_congested(self) -> bool:
        """Whether too much waits for the broker, or for an actor of this process."""
        return self._is_full() or (self.state is not None and self.state.has_full_actor)

    def deliver(self, content: Any) -> None:
        """Publish the message to all nodes."""
        self._publish(self.key, content, self.runtime.cause, self._sender, self._receivers)

    def to(self, state: SharedState, receivers: Receivers) -> LogPublisher:
        """The subscriber while these are those of the topic in this process."""
        return LogPublisher(self.runtime, self.key, self._publish, self._is_full, state, receivers)

    def without(self, sender: Any) -> LogPublisher:
        """The subscriber for a message of `sender`, which this node does not deliver to `sender`."""
        return LogPublisher(self.runtime, self.key, self._publish, self._is_full, self.state, self._receivers, sender)


class SharedState(TopicState):
    """A shared topic: `snapshot` is the log, and `receivers` are the subscribers in this process."""

    __slots__ = ("_actors", "_log", "_receivers")

    def __init__(self, topic: Entity, log: LogPublisher) -> None:
        super().__init__(topic)
        self._log = log
        self._receivers: Receivers = ()
        self._actors: tuple[Actor, ...] = ()
        self._snapshot = None

    @property
    def snapshot(self) -> tuple[Subscriber, ...]:
        """Where published messages are delivered."""
        return self._snapshot or self._updated()

    def _updated(self) -> tuple[Subscriber, ...]:
        """After a subscriber has come or gone."""
        self._receivers = tuple(self.subscribers)
        self._actors = tuple(each for each in self._receivers if isinstance(each, Actor))
        self._snapshot = (self._log.to(self, self._receivers),)
        return self._snapshot

    @property
    def has_full_actor(self) -> bool:
        """Whether an actor among the subscribers has a full mailbox."""
        return any(actor.mailbox.is_full for actor in self.actors)

    @property
    def has_busy_actor(self) -> bool:
        """Whether messages wait in the mailbox of an actor among the subscribers."""
        for actor in self.actors:  # noqa: SIM110  (`any` takes longer, and this is done for each message)
            if actor.mailbox.messages:
                return True
        return False

    @property
    def actors(self) -> tuple[Actor, ...]:
        """The actors among the subscribers in this process."""
        if self._snapshot is None:
            self._updated()
        return self._actors

    @property
    def receivers(self) -> Receivers:
        """The subscribers in this process."""
        if self._snapshot is None:
            self._updated()
        return self._receivers


class SharedNames:
    """The topics that a node shares: names, patterns, and topics with a uid."""

    def __init__(self, given: Any) -> None:
        parts = [given] if isinstance(given, str | Entity) else given
        if not isinstance(parts, Iterable):
            raise InvalidEffect("FX.JoinCluster", [FieldError("topics", f"got {shown(given)}", _ALLOWED)])
        self.parts = tuple(map(_checked, parts))
        self._exact = frozenset(part for part in self.parts if not _is_pattern(part))
        patterns = [fnmatch.translate(part) for part in self.parts if _is_pattern(part)]
        self._matches = re.compile("|".join(patterns)).match if patterns else None

    def __contains__(self, key: object) -> bool:
        if not isinstance(key, str):
            return False
        return key in self._exact or (self._matches is not None and not is_uid(key) and bool(self._matches(key)))

    def __str__(self) -> str:
        if self.parts == ("*",):
            return "all topics with a plain name"
        return ", ".join(map(repr, self.parts)) or "no topic"


def _checked(part: Any) -> str:
    if isinstance(part, Topic) and isinstance(part._uid, str):
        return part._uid
    if isinstance(part, str) and part:
        return part
    raise InvalidEffect("FX.JoinCluster", [FieldError("topics", f"got {shown(part)}", _ALLOWED)])


def _is_pattern(part: str) -> bool:
    return any(sign in part for sign in "*?[")


class Sharing(dict[str, SharedState | None]):
    """The state of each shared topic, by key, and `None` for other topics; decided when a key is first used."""

    def __init__(self, runtime: Any, names: SharedNames, publish: Publish, is_full: Callable[[], bool]) -> None:
        super().__init__()
        self.names = names
        # Calls something once all messages that this process has published before have been delivered in it.
        self.call_after: Callable[[Callable[[], None]], None] = lambda call: call()
        # Publishes for an effect; see `Outgoing`.
        self.publish_effect: Callable[[str, Any, Any, bool], Awaitable[Success] | None]
        self._runtime = runtime
        self._publish = publish
        self._is_full = is_full
        # Topics with a uid that another node has made, with the node.
        self.homes: dict[str, str] = {}

    def __missing__(self, key: str) -> SharedState | None:
        if len(self) > _MOST_KEYS:
            for old in [old for old, state in self.items() if state is None or not state.subscribers]:
                del self[old]
        if key not in self.names and key not in self.homes:
            return self.setdefault(key, None)
        log = LogPublisher(self._runtime, key, self._publish, self._is_full)
        return self.setdefault(key, SharedState(ET.Topic(key), log))

    def add_home(self, uid: str, node: str) -> None:
        """Remember which node has made the topic with this uid, instead of an earlier one."""
        self.homes.pop(uid, None)
        while len(self.homes) >= _MOST_KEYS:
            self.pop(oldest := next(iter(self.homes)), None)
            del self.homes[oldest]
        self.homes[uid] = node
        if self.get(uid) is None:
            self.pop(uid, None)
