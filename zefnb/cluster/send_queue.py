"""The send queue: messages of this node that the broker has not accepted yet, in order.

Messages that wait have no number. They get one when they become part of a batch, so that a waiting message can be
withdrawn without a gap. One batch is sent at a time: while it is on its way, the next messages gather, and a refused
batch cannot be overtaken. After a lost connection it is sent again; readers drop it if they have it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Protocol

from zefnb.errors import ClusterUnavailable

MOST_BATCH_BYTES = 256 << 10
# Bytes that wait, with what each message takes beside its content. Above the first bound, publishers wait; above the
# second one, messages are refused.
PAUSE_BYTES = 16 << 20
MOST_BYTES = 48 << 20
_OVERHEAD = 300
_EVENTS = "(events of the cluster)"


class Waiter(Protocol):
    """A caller that waits for a message."""

    def end(self, error: Exception | None = None) -> None:
        """The outcome is known. Later outcomes do not count."""


@dataclass(slots=True, eq=False)
class Message:
    """A message of this node. `waiter` gets its result: a caller waits for it."""

    key: str
    packed: bytes
    cause: Any = None
    sender: Any = None
    # The subscribers that its topic had in this process; `None` if it had none and its topic is not shared.
    receivers: tuple[Any, ...] | None = None
    waiter: Waiter | None = None
    is_event: bool = False
    is_sent: bool = False
    is_accepted: bool = False
    is_withdrawn: bool = False
    # How many messages this node had added before, and this one.
    position: int = 0

    @property
    def topic(self) -> str:
        """The key of its topic, for reports."""
        return _EVENTS if self.is_event else self.key

    @property
    def size(self) -> int:
        """The memory that it takes, about."""
        return len(self.packed) + _OVERHEAD

    def fail(self, text: str) -> None:
        """End the wait of its caller."""
        if self.waiter is not None:
            self.waiter.end(ClusterUnavailable(text))


@dataclass(slots=True, eq=False)
class Batch:
    """Numbered messages that are sent as one entry. `is_uncertain`: an earlier attempt has had no reply."""

    first: int
    messages: list[Message] = field(default_factory=list)
    is_uncertain: bool = False
    sent_at: float = 0.0

    @property
    def payload(self) -> bytes:
        """The messages as bytes."""
        return b"".join([message.packed for message in self.messages])

    @property
    def end(self) -> int:
        """The number after its last one."""
        return self.first + len(self.messages)

    def succeed(self) -> None:
        """End the waits of the callers."""
        for message in self.messages:
            if message.waiter is not None:
                message.waiter.end()
                message.waiter = None  # it refers to the message


class SendQueue:
    """Used on the loop only."""

    def __init__(self, next_number: int) -> None:
        self.waiting: deque[Message] = deque()
        self.sent: Batch | None = None
        self.next_number = next_number
        self.accepted = next_number - 1
        self.bytes = 0
        # The number of all messages that have ever been added.
        self.added = 0

    def __len__(self) -> int:
        return len(self.waiting) + (len(self.sent.messages) if self.sent is not None else 0)

    @property
    def is_paused(self) -> bool:
        """Whether publishers should wait."""
        return self.bytes > PAUSE_BYTES

    def add(self, message: Message) -> bool:
        """Add a message. Returns false if there is no capacity."""
        if self.bytes + message.size > MOST_BYTES:
            return False
        self.bytes += message.size
        self.added += 1
        message.position = self.added
        self.waiting.append(message)
        return True

    def withdraw(self, message: Message) -> bool:
        """Do not send a message, if it has never been. Returns whether it is certain that no subscriber receives it."""
        if not message.is_sent and not message.is_withdrawn:
            message.is_withdrawn = True
            self.bytes -= message.size
            message.packed = b""  # the next batch leaves it out
        return not message.is_sent

    def next_batch(self) -> Batch | None:
        """Number the next messages and return them; `None` if none wait, or a batch is on its way."""
        if self.sent is not None:
            return None
        batch, size = Batch(self.next_number), 0
        while self.waiting and (not batch.messages or size + len(self.waiting[0].packed) <= MOST_BATCH_BYTES):
            message = self.waiting.popleft()
            if message.is_withdrawn:
                continue
            message.is_sent = True
            size += len(message.packed)
            batch.messages.append(message)
        if not batch.messages:
            return None
        self.next_number = batch.end
        self.sent = batch
        return batch

    def accept(self) -> Batch:
        """The broker has accepted the batch that was sent. Its bytes are not needed any more."""
        batch = self._take_sent()
        self.accepted = batch.end - 1
        for message in batch.messages:
            self.bytes -= message.size
            message.is_accepted, message.packed = True, b""
        return batch

    def _take_sent(self) -> Batch:
        batch, self.sent = self.sent, None
        assert batch is not None
        return batch

    def lose_reply(self) -> None:
        """The connection is lost: whether the broker has accepted the batch that was sent is not known."""
        if self.sent is not None:
            self.sent.is_uncertain = True

    def refuse(self, text: str) -> None:
        """The broker refuses the batch that was sent.

        Unless an earlier attempt is uncertain, the callers that wait get an error, the other messages wait again in
        front of all others, and the numbers are used again.
        """
        if self.sent is None or self.sent.is_uncertain:
            return
        batch = self._take_sent()
        if self.next_number == batch.end:  # others have not used later ones
            self.next_number = batch.first
        for message in reversed(batch.messages):
            message.is_sent = False
            if message.waiter is None:
                self.waiting.appendleft(message)
                continue
            self.bytes -= message.size
            message.fail(text)

    def close(self, text: str) -> None:
        """End the waits of all callers: nothing more is sent."""
        for message in [*self.waiting, *(self.sent.messages if self.sent is not None else ())]:
            message.fail(text)
        self.waiting.clear()
        self.sent = None
        self.bytes = 0
