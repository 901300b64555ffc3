"""SendQueue messages: kept in order, and bounded, until the peer has them."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import NamedTuple

from zefnb.engine.call_queue import CallQueue
from zefnb.engine.mailbox import Progress

MOST_MESSAGES = 10_000
MOST_BYTES = 16 << 20
# Handed over and not confirmed: about what sockets' buffers can hold on both sides.
_MOST_UNACKED = 4_096
_MOST_UNACKED_BYTES = 4 << 20
_ACK_INTERVAL = 256
# Publishers that were past the question whether to wait when the answer changed.
_LATECOMERS = 64


class Message(NamedTuple):
    """What one frame carries."""

    opcode: int
    payload: bytes


class MessageQueue:
    """Messages in order, and their size."""

    __slots__ = ("bytes", "messages")

    def __init__(self) -> None:
        self.messages: deque[Message] = deque()
        self.bytes = 0

    def put(self, message: Message) -> None:
        """Append the newest."""
        self.messages.append(message)
        self.bytes += len(message.payload)

    def take(self) -> Message:
        """Remove and return the oldest."""
        message = self.messages.popleft()
        self.bytes -= len(message.payload)
        return message

    def put_first(self, older: MessageQueue) -> None:
        """Put all of `older`, which is emptied, before what is here."""
        self.messages.extendleft(reversed(older.messages))
        self.bytes += older.bytes
        older.clear()

    def clear(self) -> None:
        """Let go of all of them."""
        self.messages.clear()
        self.bytes = 0

    def exceeds(self, messages: float, size: float) -> bool:
        """Whether there are more of them, or more bytes, than that."""
        return len(self.messages) > messages or self.bytes > size

    def __len__(self) -> int:
        return len(self.messages)


class SendQueue:
    """Two piles: messages that wait, and those handed to a connection of which the peer has not said that it has them.

    When the connection breaks, the second go before the first again: a message may reach the peer twice,
    but none is lost. Other threads' publishers are paused while the pile that waits is more than half
    full and a connection stands; what is full without one refuses the newest.
    """

    def __init__(self, call_queue: CallQueue) -> None:
        self.dropped = 0
        self._call_queue = call_queue
        self._waiting = MessageQueue()
        self._unacked = MessageQueue()
        self._handed = self._confirmed = self._ack_requested = 0
        self._is_connected = self._holds = False
        self._owed = 0
        self._something = asyncio.Event()
        self._nothing = asyncio.Event()
        self._nothing.set()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, message: Message) -> bool:
        """Keep a message; false when there is no room for it."""
        if self._is_full_for(message) and not self._take_owed():
            self.dropped += 1
            return False
        self._waiting.put(message)
        self._something.set()
        self._nothing.clear()
        self._weigh()
        return True

    def _is_full_for(self, message: Message) -> bool:
        waiting = self._waiting
        # One that is larger than all the room is kept if it is alone: it could never be sent otherwise.
        return bool(waiting) and waiting.exceeds(MOST_MESSAGES - 1, MOST_BYTES - len(message.payload))

    def _take_owed(self) -> bool:
        """What other threads' publishers had been granted before they were paused is taken beyond the limit."""
        if not (self._holds and self._owed):
            return False
        self._owed -= 1
        return True

    @property
    def progress(self) -> Progress:
        """How many messages were put here, and how many of them have been handed over."""
        return Progress(self._handed, self._handed + len(self._waiting))

    async def first(self) -> Message:
        """Wait for the oldest message and return it; it stays until it is `mark_sent`."""
        while not self._waiting:
            self._something.clear()
            await self._something.wait()
        return self._waiting.messages[0]

    async def emptied(self) -> None:
        """Wait until everything has been handed over."""
        await self._nothing.wait()

    def mark_sent(self) -> None:
        """The oldest message has been given to the connection."""
        self._unacked.put(self._waiting.take())
        self._handed += 1
        while self._unacked.exceeds(_MOST_UNACKED, _MOST_UNACKED_BYTES):
            self._confirm_oldest()
        if not self._waiting:
            self._nothing.set()
        self._weigh()

    @property
    def wants_ack(self) -> bool:
        """Whether now is the time to ask the peer what it has."""
        return not self._waiting or self._handed - self._ack_requested >= _ACK_INTERVAL

    def ack_requested(self) -> int:
        """The peer has been asked; returns the mark to confirm when it answers."""
        self._ack_requested = self._handed
        return self._handed

    def confirm(self, mark: int) -> None:
        """The peer has everything that had been handed over when it was asked."""
        while self._confirmed < mark:
            self._confirm_oldest()

    def _confirm_oldest(self) -> None:
        self._unacked.take()
        self._confirmed += 1

    def connected(self) -> None:
        """A connection stands: what is here can leave."""
        self._is_connected = True
        self._weigh()

    def disconnected(self) -> None:
        """Nothing can leave now, so nobody is asked to wait for it."""
        self._is_connected = False
        self._weigh()

    def requeue_unacked(self, *, again: bool) -> None:
        """The connection is gone. With `again`, what the peer did not confirm is sent once more, first."""
        self._confirmed = self._ack_requested = self._handed
        if not again:
            self._unacked.clear()
        elif self._unacked:
            self._waiting.put_first(self._unacked)
            self._something.set()
            self._nothing.clear()

    def _weigh(self) -> None:
        """Hold publishers back from half of the room on, until it is a quarter."""
        share = 4 if self._holds else 2
        holds = self._is_connected and self._waiting.exceeds(MOST_MESSAGES / share, MOST_BYTES / share)
        if holds == self._holds:
            return
        self._holds = holds
        if holds:
            self._owed = self._call_queue.waiting + _LATECOMERS
            self._call_queue.pause_for(self)
        else:
            self._call_queue.resume_for(self)
