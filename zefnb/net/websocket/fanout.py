"""Fan-out: the sockets of one topic as one subscriber, for which each frame is built once."""

from __future__ import annotations

from itertools import compress
from typing import Any

from zefnb.core.entity import Entity
from zefnb.core.wire import Nan, encode_content
from zefnb.engine.runtime import Runtime
from zefnb.net.ports import Topics
from zefnb.net.websocket.backlog import LONGEST_PIECE, Piece, joined
from zefnb.net.websocket.frames import build
from zefnb.net.websocket.history import History
from zefnb.net.websocket.outbox import Delivery, Outbox, Writer
from zefnb.net.websocket.subprotocol import escaped, is_escaped

# Bytes: a longer batch is written within the iteration, so that slow clients are found before more is published.
_LONGEST_BATCH = 262_144


class _Others:
    """The sockets of a fan-out but one, as the subscriber for a message of that socket."""

    __slots__ = ("_fanout", "_sender")
    only_encodes = keeps_nothing = True

    def __init__(self, fanout: Fanout, sender: Writer) -> None:
        self._fanout, self._sender = fanout, sender

    def deliver(self, content: Any) -> None:
        """Send `content` to the other sockets."""
        self._fanout.deliver_from(self._sender, content)

    def __repr__(self) -> str:
        return repr(self._fanout)


class Fanout:
    """The sockets subscribed to one topic: the hub has one subscriber, and each frame is built once."""

    __slots__ = (
        "_connections",
        "_frames",
        "_has_nul",
        "_nan",
        "_outbox",
        "_runtime",
        "_senders",
        "_size",
        "_snapshot",
        "history",
        "is_subscribed",
        "topic",
    )
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
        # The numbers of those frames of the batch that are not sent back to the socket they came from.
        self._senders: dict[Writer, list[int]] = {}
        # Whether a text of the batch begins with NUL, which those sockets get changed that use the subprotocol.
        self._has_nul = False
        self.is_subscribed = False
        # `None` while no route sends the last messages to new clients.
        self.history: History | None = None

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
        if payload and not payload[0] and is_escaped(opcode, payload):
            self._has_nul = True
        if self._size > _LONGEST_BATCH:
            self._outbox.flush_early(self)

    def without(self, sender: Any) -> Any:
        """The subscriber for a message of `sender`, which may be one of the sockets."""
        return _Others(self, sender) if sender in self._connections else self

    def deliver_from(self, sender: Writer, content: Any) -> None:
        """Send `content` to every socket but `sender`."""
        numbers = self._senders.setdefault(sender, [])
        numbers.append(len(self._frames))
        try:
            self.deliver(content)
        except BaseException:
            numbers.pop()  # it has no frame
            raise

    def take(self) -> list[Delivery]:
        """The frames of the batch, joined into pieces, each with its sockets."""
        if self.history is not None:
            self.history.add(self._frames, self._size)
        if self._has_nul:
            self._has_nul = False
            return self._take_escaped()
        return self._take()

    def _take_escaped(self) -> list[Delivery]:
        """The frames for plain sockets, and changed ones for the others."""
        if self.history is not None:
            self.history.has_nul = True
        deliveries: list[Delivery] = []
        for data, count, members in self._take():
            deliveries.append((data, count, tuple(each for each in members if not each.escapes)))
            deliveries.append((escaped(data), count, tuple(each for each in members if each.escapes)))
        return deliveries

    def _take(self) -> list[Delivery]:
        frames, self._frames, self._size = self._frames, [], 0
        if self._senders:
            return self._take_for_each(frames)
        members = self.members
        if len(frames) == 1:
            return [(frames[0], 1, members)]
        return [(data, count, members) for data, count in _pieces(frames)]

    def _take_for_each(self, frames: list[bytes]) -> list[Delivery]:
        """The frames for most sockets, and for each sender those that it did not send."""
        senders, self._senders = self._senders, {}
        members = tuple(each for each in self.members if each not in senders)
        deliveries: list[Delivery] = [(data, count, members) for data, count in _pieces(frames)]
        for sender, numbers in senders.items():
            if sender not in self._connections:
                continue
            wanted = bytearray(b"\1") * len(frames)
            for number in numbers:
                wanted[number] = 0
            others = list(compress(frames, wanted))
            deliveries += [(data, count, (sender,)) for data, count in (_pieces(others) if others else ())]
        return deliveries

    def add(self, connection: Writer, history: int = 0) -> None:
        """Add `connection`: it gets the last `history` messages, and those that are published from now on."""
        self._membership_changes()
        if history:
            self._send_last(connection, history)
        self._connections[connection] = None

    def send_history(self, connection: Writer, history: int) -> None:
        """Send the last `history` messages to `connection`, which is not added."""
        self.end_batch()
        self._send_last(connection, history)

    def _send_last(self, connection: Writer, history: int) -> None:
        if self.history is not None:
            needs_nul = self.history.has_nul and connection.escapes
            for data, count in self.history.last(history):
                connection.send_raw(escaped(data) if needs_nul else data, count)

    def discard(self, connection: Writer) -> None:
        """Remove `connection`: it gets no more messages."""
        self._membership_changes()
        self._connections.pop(connection, None)

    def end_batch(self) -> None:
        """Send the messages so far to the sockets of now."""
        if self._outbox.batch is self:
            self._outbox.end_batch()

    def _membership_changes(self) -> None:
        if self._outbox.batch is self:
            self._outbox.end_batch()
        self._snapshot = None

    def topic_deleted(self) -> None:
        """Remove all connections: the topic has been deleted."""
        self._membership_changes()
        self._connections.clear()
        self.is_subscribed = False
        if self.history is not None:
            self.history.clear()

    def __len__(self) -> int:
        return len(self._connections)

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"<{len(self)} sockets of {self.topic!r}>"


def _pieces(frames: list[bytes]) -> list[Piece]:
    whole = b"".join(frames)
    if len(whole) <= LONGEST_PIECE:
        return [(whole, len(frames))]
    return joined([(frame, 1) for frame in frames])


class Fanouts:
    """The sockets of each topic, in one `Fanout` for all endpoints with the same `nan`: a service of the runtime."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._fanouts: dict[tuple[str | None, Nan], Fanout] = {}

    def _subscribed(self, topics: Topics, topic: Entity, nan: Nan) -> Fanout:
        fanout = self._fanouts.get((topic._uid, nan))
        if fanout is None:
            fanout = Fanout(self._runtime, self._runtime.service(Outbox), topic, nan)
            self._fanouts[topic._uid, nan] = fanout
        if not fanout.is_subscribed:
            fanout.is_subscribed = True
            topics.subscribe(topic, fanout, "websocket")
        return fanout

    def _end_unused(self, topics: Topics, fanout: Fanout, nan: Nan) -> None:
        if not len(fanout) and fanout.history is None:
            topics.unsubscribe(fanout.topic, fanout)
            del self._fanouts[fanout.topic._uid, nan]

    def join(self, topics: Topics, topic: Entity, connection: Writer, nan: Nan, history: int = 0) -> None:
        """Subscribe a socket to `topic`. It gets the last `history` messages first."""
        self._subscribed(topics, topic, nan).add(connection, history)

    def leave(self, topics: Topics, topic: Entity, connection: Writer, nan: Nan) -> None:
        """Unsubscribe a socket. After the last one, the fan-out itself unsubscribes."""
        fanout = self._fanouts.get((topic._uid, nan))
        if fanout is None:
            return
        fanout.discard(connection)
        self._end_unused(topics, fanout, nan)

    def keep(self, topics: Topics, topic: Entity, nan: Nan, history: int) -> None:
        """Keep the last `history` messages of `topic` until `release`."""
        fanout = self._subscribed(topics, topic, nan)
        if fanout.history is None:
            # The messages of this iteration were published before: they are not kept.
            fanout.end_batch()
            fanout.history = History()
        fanout.history.acquire(history)

    def release(self, topics: Topics, topic: Entity, nan: Nan, history: int) -> None:
        """End one `keep`. After the last one the messages are forgotten."""
        fanout = self._fanouts[topic._uid, nan]
        if fanout.history is None:
            return
        fanout.history.release(history)
        if not fanout.history.is_used:
            fanout.history = None
            self._end_unused(topics, fanout, nan)

    def send_history(self, topic: Entity, connection: Writer, nan: Nan, history: int) -> None:
        """Send the last `history` messages to a socket that is subscribed to `topic` by itself."""
        fanout = self._fanouts.get((topic._uid, nan))
        if fanout is not None:
            fanout.send_history(connection, history)
