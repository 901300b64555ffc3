"""The history of a topic: its last messages as frames, for clients that connect later."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from zefnb.net.websocket.backlog import Piece, joined

# Bytes of the frames of one topic. The newest message is kept in any case.
MAX_BYTES = 4 << 20
# The most messages in the `history` of a route.
MAX_MESSAGES = 10_000
# So many new messages are added together, which takes less time. Only while they are short: at most so many bytes.
_MANY_RECENT = 64
_SHORT = 4_096


class History:
    """The frames of the last messages of one topic, for all routes that send them.

    Each route has its own number of messages to send. As many are kept as the largest of these numbers.
    """

    __slots__ = ("_bytes", "_frames", "_last", "_length", "_lengths", "_recent", "has_nul")

    def __init__(self) -> None:
        self._frames: deque[bytes] = deque()
        # The newest frames, which are yet to be added to the others.
        self._recent: list[bytes] = []
        self._bytes = 0
        self._lengths: list[int] = []
        self._length = 0
        # Whether a text may begin with NUL.
        self.has_nul = False
        # The result of `last` and its argument, until the next message: many clients may connect at once.
        self._last: tuple[int, list[Piece]] | None = None

    def __len__(self) -> int:
        return len(self.frames)

    def __bool__(self) -> bool:
        return True

    @property
    def frames(self) -> Sequence[bytes]:
        """The kept frames, the oldest first."""
        self._merge()
        return self._frames

    @property
    def is_used(self) -> bool:
        """Whether a route sends these messages."""
        return bool(self._lengths)

    def acquire(self, length: int) -> None:
        """Keep at least `length` messages, until `release`."""
        self._lengths.append(length)
        self._length = max(self._lengths)

    def release(self, length: int) -> None:
        """End one `acquire`."""
        self._lengths.remove(length)
        self._length = max(self._lengths, default=0)
        self._last = None
        self._merge()

    def add(self, frames: list[bytes], size: int) -> None:
        """Keep these frames, of `size` bytes in all, and forget the oldest ones that are too many."""
        self._last = None
        self._recent += frames
        if size > _SHORT or len(self._recent) >= _MANY_RECENT:
            self._merge()

    def _merge(self) -> None:
        recent, self._recent = self._recent, []
        frames = self._frames
        if len(recent) > self._length:
            frames.clear()
            self._bytes = 0
            del recent[: len(recent) - self._length]
        frames.extend(recent)
        self._bytes += sum(map(len, recent))
        while len(frames) > self._length or (self._bytes > MAX_BYTES and len(frames) > 1):
            self._bytes -= len(frames.popleft())

    def last(self, length: int) -> list[Piece]:
        """The last `length` messages, joined into pieces."""
        if self._last is None or self._last[0] != length:
            frames = list(self.frames)[-length:]
            self._last = length, joined([(frame, 1) for frame in frames]) if frames else []
        return self._last[1]

    def clear(self) -> None:
        """Forget all messages."""
        self._frames.clear()
        self._recent.clear()
        self._bytes, self._last = 0, None
