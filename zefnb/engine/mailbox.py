"""The mailbox of an actor: messages in order, and whether there is room for more."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

FULL_MESSAGES = 256
FULL_BYTES = 1 << 20
_SIZED = (str, bytes)


class Progress(NamedTuple):
    """How many messages somebody has been given so far, and has handled."""

    handled: int
    given: int


class _Caused(NamedTuple):
    """A message that something of ours led to, with what that was."""

    message: Any
    cause: Any


class Mailbox:
    """A queue that tells its feeder when to pause.

    It never refuses a message: the loop and handlers are not paused. Who can wait (a socket's
    reader) asks `is_full` and leaves a callback in `when_room`.
    """

    __slots__ = ("bytes", "cause", "messages", "when_room")

    def __init__(self) -> None:
        self.messages: deque[Any] = deque()
        self.bytes = 0
        # What led to the message that was taken last.
        self.cause: Any = None
        self.when_room: Callable[[], None] | None = None

    def put(self, message: Any, cause: Any = None) -> None:
        """Append a message, and what led to it."""
        if isinstance(message, _SIZED):
            self.bytes += len(message)
        self.messages.append(message if cause is None else _Caused(message, cause))

    def take(self) -> Any:
        """Remove and return the oldest message."""
        message = self.messages.popleft()
        self.cause = None
        if type(message) is _Caused:
            message, self.cause = message
        if isinstance(message, _SIZED):
            self.bytes -= len(message)
        if self.when_room is not None and self.bytes <= FULL_BYTES // 2 and len(self.messages) <= FULL_MESSAGES // 2:
            room, self.when_room = self.when_room, None
            room()
        return message

    @property
    def is_full(self) -> bool:
        """Whether the feeder should pause."""
        return len(self.messages) >= FULL_MESSAGES or self.bytes >= FULL_BYTES

    def __len__(self) -> int:
        return len(self.messages)

    def clear(self) -> None:
        """Drop everything, and let a waiting feeder go on."""
        self.messages.clear()
        self.bytes = 0
        if self.when_room is not None:
            room, self.when_room = self.when_room, None
            room()
