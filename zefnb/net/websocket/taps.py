"""Taps: the last frames of one client and the messages of a topic, kept only while someone looks.

Nothing here costs the ordinary path anything: a connection that is looked at is, for as long, of a
subclass that overrides two methods, and a topic that is watched has one more subscriber.
"""

from __future__ import annotations

import base64
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from zefnb.core.wire import TEXT, encode_content
from zefnb.errors import shown
from zefnb.net.websocket.connection import Connection
from zefnb.net.websocket.frames import head_of
from zefnb.text.short_repr import short_repr

KEPT_FRAMES = 50
KEPT_MESSAGES = 100
_LONGEST_TEXT = 4_000
_LONGEST_BINARY = 1_024

Item = dict[str, Any]


def presented(content: str | bytes, at: float, size: int | None = None) -> Item:
    """A message as the browser shows it: text, or the beginning of its bytes in base64.

    `size` is that of the whole message where `content` is only its beginning.
    """
    size = len(content) if size is None else size
    if isinstance(content, str):
        return {"at": at, "kind": "text", "size": size, "body": content[:_LONGEST_TEXT]}
    body = base64.b64encode(content[:_LONGEST_BINARY]).decode()
    return {"at": at, "kind": "binary", "size": size, "body": body}


def beginning(content: str | bytes) -> str | bytes:
    """As much of a message as is shown: a whole one may be large, and many are kept."""
    return content[:_LONGEST_TEXT] if isinstance(content, str) else bytes(content[:_LONGEST_BINARY])


class Tap:
    """The last frames of one connection, each with its direction and its number."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.lookers = 0
        self._frames: deque[tuple[int, str, float, str | bytes, int]] = deque(maxlen=KEPT_FRAMES)
        self._number = 0
        self._inner: Callable[[Any], None] | None = None

    def open(self) -> None:
        """Begin to look."""
        self._inner = self.connection.on_message
        self.connection.on_message = self._take
        self.connection.__class__ = _Tapped

    def close(self) -> None:
        """Leave the connection as it was."""
        self.connection.__class__ = Connection
        if self.connection.on_message == self._take:
            self.connection.on_message = self._inner

    def _take(self, message: Any) -> None:
        self._note("in", message)
        if self._inner is not None:
            self._inner(message)

    def sent(self, data: bytes) -> None:
        """Whole frames of ours, one after the other, are written."""
        at, end = 0, len(data)
        while at < end:
            head = head_of(data[at : at + 10])
            if head is None:
                return
            start = at + head.payload_at
            opcode, at = data[at] & 0x0F, start + head.length
            payload = data[start:at]
            self._sent(opcode, payload)

    def sent_content(self, content: Any) -> None:
        """A message goes out compressed: its frame tells nothing."""
        opcode, payload = encode_content(content, "null")
        self._sent(opcode, payload)

    def _sent(self, opcode: int, payload: bytes) -> None:
        # A character takes 4 bytes at most: what is cut in its middle is behind what is shown.
        text = payload[: 4 * _LONGEST_TEXT].decode("utf-8", "replace") if opcode == TEXT else None
        self._note("out", payload if text is None else text, len(payload))

    def _note(self, direction: str, content: str | bytes, size: int | None = None) -> None:
        self._number += 1
        size = len(content) if size is None else size
        self._frames.append((self._number, direction, time.time(), beginning(content), size))

    def since(self, number: int) -> list[Item]:
        """The frames after that number, as far as they are still kept."""
        return [
            {"n": n, "dir": direction, **presented(content, at, size)}
            for n, direction, at, content, size in self._frames
            if n > number
        ]


class _Tapped(Connection):
    """A connection that somebody looks at."""

    __slots__ = ()

    def deliver(self, content: Any) -> None:
        super().deliver(content)
        if self.is_compressed:
            TAPS[self].sent_content(content)

    def write(self, data: bytes, count: int) -> None:
        if not self.is_compressed:
            TAPS[self].sent(data)
        super().write(data, count)


TAPS: dict[Connection, Tap] = {}


def attach_tap(connection: Connection) -> Tap:
    """A tap on `connection`, shared by all who look; `detach_tap` ends it."""
    tap = TAPS.get(connection)
    if tap is None:
        tap = TAPS[connection] = Tap(connection)
        tap.open()
    tap.lookers += 1
    return tap


def detach_tap(tap: Tap) -> None:
    """One looker less; the last one takes the tap away."""
    tap.lookers -= 1
    if not tap.lookers:
        tap.close()
        TAPS.pop(tap.connection, None)


class Tail:
    """The messages of a topic since they were last taken: the newest of them, and how many went by."""

    def __init__(self, topic: Any) -> None:
        self.topic = topic
        self._messages: deque[tuple[float, Any, int | None]] = deque(maxlen=KEPT_MESSAGES)
        self._count = 0

    def deliver(self, content: Any) -> None:
        """A message was published."""
        self._count += 1
        if isinstance(content, str | bytes):
            self._messages.append((time.time(), beginning(content), len(content)))
        else:
            self._messages.append((time.time(), content, None))

    def take(self) -> tuple[list[Item], int]:
        """What came since the last time, and how many more went by."""
        # Made presentable only now: of a flood, most messages are never shown.
        items = [_item(content, at, size) for at, content, size in self._messages]
        skipped = self._count - len(items)
        self._messages.clear()
        self._count = 0
        return items, skipped


def _item(content: Any, at: float, size: int | None) -> Item:
    if size is not None:
        return presented(content, at, size)
    # A large value is shown as far as it is read; to encode all of it would take the loop's time.
    text = short_repr(content, _LONGEST_TEXT)
    if len(text) == _LONGEST_TEXT:
        return presented(text, at)
    try:
        opcode, payload = encode_content(content, "null")
    except Exception:
        return presented(shown(content), at)
    return presented(payload.decode() if opcode == TEXT else payload, at)
