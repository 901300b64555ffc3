"""Fan-out: the sockets of one topic as one subscriber, for which each frame is built once."""

from __future__ import annotations

from typing import Any

from zefnb.core.entity import Entity
from zefnb.core.wire import Nan, encode_content
from zefnb.engine.runtime import Runtime
from zefnb.net.ports import Topics
from zefnb.net.websocket.backlog import LONGEST_PIECE, Piece, joined
from zefnb.net.websocket.frames import build
from zefnb.net.websocket.outbox import Outbox, Writer

# Bytes: a longer batch is written within the iteration, so that slow clients are found before more is published.
_LONGEST_BATCH = 262_144


class Fanout:
    """The sockets subscribed to one topic: the hub has one subscriber, and each frame is built once."""

    __slots__ = ("_connections", "_frames", "_nan", "_outbox", "_runtime", "_size", "_snapshot", "topic")
    only_encodes = keeps_nothing = True

    def __init__(self, runtime: Runtime, outbox: Outbox, topic: Any, nan: Nan) -> None:
        self.topic = topic
        self._nan = nan
        self._runtime = runtime
        self._outbox = outbox
        self._connections: dict[Writer, None] = {}
        self._snapshot: tuple[Writer, ...] | None = ()
        self._frames: list[bytes] = []
        self._size = 0

    @property
    def members(self) -> tuple[Writer, ...]:
        """The sockets that get what is published now."""
        if self._snapshot is None:
            self._snapshot = tuple(self._connections)
        return self._snapshot

    def deliver(self, content: Any) -> None:
        """Send `content` to every socket, at the end of this loop iteration."""
        opcode, payload = encode_content(content, self._nan)
        if self._outbox.batch is not self:
            self._outbox.begin_batch(self)
        self._frames.append(build(opcode, payload))
        self._size += len(payload)
        if self._size > _LONGEST_BATCH:
            self._outbox.flush()

    def take(self) -> list[Piece]:
        """The frames of the batch, joined into pieces."""
        frames, self._frames, self._size = self._frames, [], 0
        if len(frames) == 1:
            return [(frames[0], 1)]
        whole = b"".join(frames)
        if len(whole) <= LONGEST_PIECE:
            return [(whole, len(frames))]
        return joined([(frame, 1) for frame in frames])

    def add(self, connection: Writer) -> None:
        """Add `connection`: it gets the messages that are published from now on."""
        self._membership_changes()
        self._connections[connection] = None

    def discard(self, connection: Writer) -> None:
        """Remove `connection`: it gets no more messages."""
        self._membership_changes()
        self._connections.pop(connection, None)

    def _membership_changes(self) -> None:
        if self._outbox.batch is self:
            self._outbox.end_batch()
        self._snapshot = None

    def topic_deleted(self) -> None:
        """Remove all connections: the topic has been deleted."""
        self._membership_changes()
        self._connections.clear()

    def __len__(self) -> int:
        return len(self._connections)

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"<{len(self)} sockets of {self.topic!r}>"


class Fanouts:
    """The sockets of each topic, in one `Fanout` for all endpoints with the same `nan`: a service of the runtime."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._fanouts: dict[tuple[str | None, Nan], Fanout] = {}

    def join(self, topics: Topics, topic: Entity, connection: Writer, nan: Nan) -> None:
        """Subscribe a socket to `topic`."""
        fanout = self._fanouts.get((topic._uid, nan))
        if fanout is None:
            fanout = Fanout(self._runtime, self._runtime.service(Outbox), topic, nan)
            self._fanouts[topic._uid, nan] = fanout
        if not len(fanout):
            topics.subscribe(topic, fanout, "websocket")
        fanout.add(connection)

    def leave(self, topics: Topics, topic: Entity, connection: Writer, nan: Nan) -> None:
        """Unsubscribe a socket. After the last one, the fan-out itself unsubscribes."""
        fanout = self._fanouts.get((topic._uid, nan))
        if fanout is None:
            return
        fanout.discard(connection)
        if not len(fanout):
            topics.unsubscribe(topic, fanout)
            del self._fanouts[topic._uid, nan]
