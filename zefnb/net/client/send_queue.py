"""The send queue: keeps messages in order, and within limits, until the peer has them."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import NamedTuple

from zefnb.engine.call_queue import CallQueue
from zefnb.engine.mailbox import Progress

MOST_MESSAGES = 10_000
MOST_BYTES = 16 << 20
# Sent and not confirmed messages: about as many as the sockets' buffers on both sides can hold.
_MOST_UNACKED = 4_096
_MOST_UNACKED_BYTES = 4 << 20
_ACK_INTERVAL = 256
# Publishers that may have been allowed to publish just before they were paused.
_LATE_PUBLISHERS = 64


class Message(NamedTuple):
    """The content of one frame."""

    opcode: int
    payload: bytes


class MessageQueue:
    """Messages in order, and their size."""

    __slots__ = ("bytes", "messages")

    def __init__(self) -> None:
        self.messages: deque[Message] = deque()
        self.bytes = 0

    def put(self, message: Message) -> None:
        """Append a message."""
        self.messages.append(message)
        self.bytes += len(message.payload)

    def take(self) -> Message:
        """Remove and return the oldest message."""
        message = self.messages.popleft()
        self.bytes -= len(message.payload)
        return message

    def put_first(self, older: MessageQueue) -> None:
        """Move all messages of `older` to the front of this queue."""
        self.messages.extendleft(reversed(older.messages))
        self.bytes += older.bytes
        older.clear()

    def clear(self) -> None:
        """Remove all messages."""
        self.messages.clear()
        self.bytes = 0

    def exceeds(self, messages: float, size: float) -> bool:
        """Whether there are more than `messages` messages, or more than `size` bytes."""
        return len(self.messages) > messages or self.bytes > size

    def __len__(self) -> int:
        return len(self.messages)


class SendQueue:
    """Two queues: messages that wait, and messages that were sent and that the peer has not confirmed.

    When the connection breaks, unconfirmed messages return to the front of the waiting ones: a message may reach
    the peer twice, but none is lost. While there is a connection, publishers in other threads are paused from half
    of the room on. Without a connection, a full queue refuses the newest messages.

    A server with sessions confirms messages by their number. Then `waits_for_acks` is set: a message is forgotten only
    when it is confirmed, and sending pauses while too many are not.
    """

    def __init__(self, call_queue: CallQueue) -> None:
        self.dropped = 0
        # Messages that were passed to a connection: each time, when they are sent again.
        self.sent = 0
        self.waits_for_acks = False
        self._call_queue = call_queue
        self._waiting = MessageQueue()
        self._unacked = MessageQueue()
        self._passed = self._confirmed = self._ack_requested = 0
        self._is_connected = self._is_pausing = False
        self._allowance = 0
        self._can_send = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, message: Message) -> bool:
        """Add a message. Returns false when there is no room for it."""
        if self._is_full_for(message) and not self._use_allowance():
            self.dropped += 1
            return False
        self._waiting.put(message)
        self._can_send.set()
        self._empty.clear()
        self._update_pause()
        return True

    def _is_full_for(self, message: Message) -> bool:
        waiting = self._waiting
        # A message larger than the limit is accepted when it is alone: otherwise it could never be sent.
        return bool(waiting) and waiting.exceeds(MOST_MESSAGES - 1, MOST_BYTES - len(message.payload))

    def _use_allowance(self) -> bool:
        """Whether to accept one message beyond the limit: other threads may have begun to publish before the pause."""
        if not (self._is_pausing and self._allowance):
            return False
        self._allowance -= 1
        return True

    @property
    def progress(self) -> Progress:
        """The number of messages that were added, and how many of them have been sent."""
        return Progress(self._passed, self._passed + len(self._waiting))

    @property
    def limit_text(self) -> str:
        """The limits of the queue, as a short text."""
        return f"{MOST_MESSAGES:,} messages or {MOST_BYTES >> 20} MiB"

    async def first(self) -> Message:
        """Wait for the oldest message and return it. It stays in the queue until `mark_sent`."""
        while not self._waiting or (self.waits_for_acks and self._has_many_unacked()):
            self._can_send.clear()
            await self._can_send.wait()
        return self._waiting.messages[0]

    def _has_many_unacked(self) -> bool:
        return self._unacked.exceeds(_MOST_UNACKED, _MOST_UNACKED_BYTES)

    async def wait_until_empty(self) -> None:
        """Wait until all messages have been sent."""
        await self._empty.wait()

    def mark_sent(self) -> None:
        """Move the oldest message to the unconfirmed ones: it has been passed to the connection."""
        self._unacked.put(self._waiting.take())
        self._passed += 1
        self.sent += 1
        while not self.waits_for_acks and self._has_many_unacked():
            self._confirm_oldest()
        if not self._waiting:
            self._empty.set()
        self._update_pause()

    @property
    def wants_ack(self) -> bool:
        """Whether to request a confirmation from the peer now, by a ping."""
        return not self.waits_for_acks and (not self._waiting or self._passed - self._ack_requested >= _ACK_INTERVAL)

    def ack_requested(self) -> int:
        """Note that a confirmation was requested. Returns the mark for `confirm` when the peer responds."""
        self._ack_requested = self._passed
        return self._passed

    def confirm(self, mark: int) -> None:
        """Confirm all messages that had been sent when the confirmation `mark` was requested."""
        while not self.waits_for_acks and self._confirmed < mark:
            self._confirm_oldest()

    def confirm_oldest(self, count: int) -> None:
        """Confirm the oldest `count` messages that were sent."""
        for _ in range(min(count, len(self._unacked))):
            self._confirm_oldest()
        self._can_send.set()

    def confirm_requeued(self, count: int) -> None:
        """Confirm the oldest `count` messages, which would be sent again: the peer has them."""
        for _ in range(min(count, len(self._waiting))):
            self._waiting.take()
            self._passed += 1
        self._confirmed = self._ack_requested = self._passed
        if not self._waiting:
            self._empty.set()
        self._update_pause()

    def _confirm_oldest(self) -> None:
        self._unacked.take()
        self._confirmed += 1

    def connected(self) -> None:
        """There is a connection: messages can be sent."""
        self._is_connected = True
        self._update_pause()

    def disconnected(self) -> None:
        """There is no connection: no message can be sent, so publishers are not paused."""
        self._is_connected = False
        self._update_pause()

    def requeue_unacked(self, *, again: bool) -> None:
        """After the end of a connection: with `again`, unconfirmed messages are sent again, before all others."""
        self._confirmed = self._ack_requested = self._passed
        if not again:
            self._unacked.clear()
        elif self._unacked:
            self._waiting.put_first(self._unacked)
            self._can_send.set()
            self._empty.clear()

    def _update_pause(self) -> None:
        """Pause publishers when the queue is half full, and resume them when it is a quarter full."""
        share = 4 if self._is_pausing else 2
        is_pausing = self._is_connected and self._waiting.exceeds(MOST_MESSAGES / share, MOST_BYTES / share)
        if is_pausing == self._is_pausing:
            return
        self._is_pausing = is_pausing
        if is_pausing:
            self._allowance = self._call_queue.waiting + _LATE_PUBLISHERS
            self._call_queue.pause_for(self)
        else:
            self._call_queue.resume_for(self)
