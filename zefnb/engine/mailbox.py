"""The mailbox of an actor: a queue of messages, and whether it is full."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

FULL_MESSAGES = 256
FULL_BYTES = 1 << 20
_SIZED = (str, bytes)


class Progress(NamedTuple):
    """The numbers of messages that a subscriber has handled and received so far."""

    handled: int
    received: int


class _Envelope(NamedTuple):
    """A message with its cause, if a subscription caused it, and with a size of its own."""

    message: Any
    cause: Any
    size: int


def _size_of(message: Any) -> int:
    return len(message) if isinstance(message, _SIZED) else 0


class Mailbox:
    """A queue with back-pressure.

    It accepts every message, since the loop and handlers cannot wait. A sender that can wait (the reader of a socket)
    checks `is_full`, and sets the callback `on_capacity` to be called when there is capacity again. A sender that
    counts the bytes that wait, `held`, sets `on_handled` to be called whenever these become less.
    """

    __slots__ = ("bytes", "cause", "handling", "messages", "on_capacity", "on_handled", "size")

    def __init__(self) -> None:
        self.messages: deque[Any] = deque()
        self.bytes = 0
        # The bytes of the message that a thread or a task handles now.
        self.handling = 0
        # The cause of the message that was taken last.
        self.cause: Any = None
        # Its size, as far as that counts.
        self.size = 0
        self.on_capacity: Callable[[], None] | None = None
        self.on_handled: Callable[[], None] | None = None

    def put(self, message: Any, cause: Any = None, size: int | None = None) -> None:
        """Append a message with its cause. Its size is the length of text and bytes, unless `size` is given."""
        if cause is not None or size is not None:
            size = _size_of(message) if size is None else size
            self.bytes += size
            self.messages.append(_Envelope(message, cause, size))
            return
        if isinstance(message, _SIZED):
            self.bytes += len(message)
        self.messages.append(message)

    def take(self) -> Any:
        """Remove and return the oldest message."""
        message = self.messages.popleft()
        self.cause = None
        if type(message) is _Envelope:
            message, self.cause, self.size = message
        else:
            self.size = len(message) if isinstance(message, _SIZED) else 0
        self.bytes -= self.size
        if self.on_capacity is not None and self.bytes <= FULL_BYTES // 2 and len(self.messages) <= FULL_MESSAGES // 2:
            on_capacity, self.on_capacity = self.on_capacity, None
            on_capacity()
        return message

    def begin(self, message: Any, size: int | None = None) -> None:
        """Count `message`, which was never in the mailbox, until `ends`."""
        if size is None:  # as `_size_of` does, without the call
            size = len(message) if isinstance(message, _SIZED) else 0
        self.handling = size

    def begin_taken(self) -> None:
        """Count the message that was taken last until `ends`."""
        self.handling = self.size

    def ends(self) -> None:
        """The message that was taken last has been handled."""
        self.handling = 0
        if self.on_handled is not None:
            self.on_handled()

    @property
    def held(self) -> int:
        """The bytes of the messages that wait or are being handled."""
        return self.bytes + self.handling

    @property
    def is_full(self) -> bool:
        """Whether the sender should pause."""
        return len(self.messages) >= FULL_MESSAGES or self.bytes >= FULL_BYTES

    def __len__(self) -> int:
        return len(self.messages)

    def clear(self) -> None:
        """Drop all messages, and resume a waiting sender. The message that is being handled counts no more."""
        self.messages.clear()
        self.bytes = self.handling = 0
        if self.on_capacity is not None:
            on_capacity, self.on_capacity = self.on_capacity, None
            on_capacity()
        if self.on_handled is not None:
            self.on_handled()
