"""Taps: the last frames of one client and the messages of a topic, recorded only while a user views them.

Taps cost nothing while there are none. A tapped connection has, for that time, a subclass that overrides
two methods; a topic that is watched has one more subscriber.
"""

from __future__ import annotations

import base64
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import Any

from zefnb.core.copy_rules import PLAIN
from zefnb.core.record import Record
from zefnb.core.wire import TEXT, encode_content
from zefnb.engine.side_thread import TEXTS
from zefnb.errors import shown
from zefnb.net.websocket.connection import Connection
from zefnb.net.websocket.frames import head_of
from zefnb.text.short_repr import short_repr

RECORDED_FRAMES = 50
RECORDED_MESSAGES = 100
_LONGEST_TEXT = 4_000
_LONGEST_BINARY = 1_024
# A text of `_LONGEST_TEXT` characters has fewer: each has one character and a comma.
_MOST_PARTS = 2_000
_LISTS = (list, tuple)

Item = dict[str, Any]
# The time of a message, the message or its beginning, and the size of text or bytes.
_Recorded = tuple[float, Any, int | None]


def item_of(content: str | bytes, at: float, size: int | None = None) -> Item:
    """A message as the browser shows it: text, or the beginning of its bytes in base64.

    `size` is the size of the whole message when `content` is only its beginning.
    """
    size = len(content) if size is None else size
    if isinstance(content, str):
        return {"at": at, "kind": "text", "size": size, "body": content[:_LONGEST_TEXT]}
    body = base64.b64encode(content[:_LONGEST_BINARY]).decode()
    return {"at": at, "kind": "binary", "size": size, "body": body}


def beginning(content: str | bytes) -> str | bytes:
    """The part of a message that is shown. Whole messages may be large, and many are kept."""
    return content[:_LONGEST_TEXT] if isinstance(content, str) else bytes(content[:_LONGEST_BINARY])


class Tap:
    """The last frames of one connection, each with its direction and its number."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.viewers = 0
        self._frames: deque[tuple[int, str, float, str | bytes, int]] = deque(maxlen=RECORDED_FRAMES)
        self._number = 0
        self._inner: Callable[[Any], None] | None = None

    def open(self) -> None:
        """Begin to record."""
        self._inner = self.connection.on_message
        self.connection.on_message = self._receive
        self.connection.__class__ = _Tapped

    def close(self) -> None:
        """Restore the connection as it was."""
        self.connection.__class__ = Connection
        if self.connection.on_message == self._receive:
            self.connection.on_message = self._inner

    def set_receiver(self, receive: Callable[[Any], None]) -> None:
        """Pass the messages of the client to another function."""
        self._inner = receive

    def _receive(self, message: Any) -> None:
        self._note("in", message)
        if self._inner is not None:
            self._inner(message)

    def sent(self, data: bytes) -> None:
        """Record whole frames that the server writes, one after the other."""
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
        """Record a message that is sent compressed: its frame is not readable."""
        opcode, payload = encode_content(content, "null")
        self._sent(opcode, payload)

    def _sent(self, opcode: int, payload: bytes) -> None:
        # A character takes 4 bytes at most: one that is cut in the middle is behind the text that is shown.
        text = payload[: 4 * _LONGEST_TEXT].decode("utf-8", "replace") if opcode == TEXT else None
        self._note("out", payload if text is None else text, len(payload))

    def _note(self, direction: str, content: str | bytes, size: int | None = None) -> None:
        self._number += 1
        size = len(content) if size is None else size
        self._frames.append((self._number, direction, time.time(), beginning(content), size))

    def since(self, number: int) -> list[Item]:
        """The frames after this number that are still kept."""
        return [
            {"n": n, "dir": direction, **item_of(content, at, size)}
            for n, direction, at, content, size in self._frames
            if n > number
        ]


class _Tapped(Connection):
    """A connection that has a tap."""

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
    """Return the tap on `connection`, which all its viewers share. `detach_tap` ends it."""
    tap = TAPS.get(connection)
    if tap is None:
        tap = TAPS[connection] = Tap(connection)
        tap.open()
    tap.viewers += 1
    return tap


def detach_tap(tap: Tap) -> None:
    """Remove one viewer; the last one removes the tap."""
    tap.viewers -= 1
    if not tap.viewers:
        tap.close()
        TAPS.pop(tap.connection, None)


def set_receiver(client: Any, receive: Callable[[Any], None]) -> None:
    """Replace the function that receives the messages of a client, also below a tap."""
    tap = TAPS.get(client)
    if tap is not None:
        tap.set_receiver(receive)
    else:
        client.on_message = receive


class Tail:
    """The messages of a topic since the last `take`: the newest of them, and the number of the others."""

    def __init__(self, topic: Any) -> None:
        self.topic = topic
        self._messages: deque[_Recorded] = deque(maxlen=RECORDED_MESSAGES)
        self._count = 0
        # The result of a call of `_write`, and whether one is running.
        self._written: tuple[list[Item], int] | None = None
        self._is_writing = False

    def deliver(self, content: Any) -> None:
        """Record a message that was published."""
        self._count += 1
        if isinstance(content, str | bytes):
            self._messages.append((time.time(), beginning(content), len(content)))
        else:
            self._messages.append((time.time(), content, None))

    def take(self) -> tuple[list[Item], int]:
        """Return the messages since the last call, and the number of those that were dropped.

        The `__repr__` of a class may take any time. Messages that may need one are written in another thread, together
        with those before and after them, and a later call returns them.
        """
        if self._is_writing:
            return [], 0
        if (written := self._written) is not None:
            self._written = None
            return written
        messages, skipped = list(self._messages), self._count - len(self._messages)
        self._messages.clear()
        self._count = 0
        # Formatted only now: when very many messages arrive, most are never shown.
        if all(size is not None or _is_small(content) for _, content, size in messages):
            return [_item(content, at, size) for at, content, size in messages], skipped
        self._is_writing = True
        TEXTS.put(partial(self._write, messages, skipped))
        return [], 0

    def _write(self, messages: list[_Recorded], skipped: int) -> None:
        """In the side thread: format messages for the next `take`."""
        try:
            self._written = [_item(content, at, size) for at, content, size in messages], skipped
        finally:
            self._is_writing = False


def _item(content: Any, at: float, size: int | None) -> Item:
    if size is not None:
        return item_of(content, at, size)
    # Only the shown part of a large value is formatted; encoding all of it would block the loop. A value with a short
    # text may still be large, such as a table, so only values of few plain parts are encoded.
    text = short_repr(content, _LONGEST_TEXT)
    if len(text) == _LONGEST_TEXT or not _is_small(content):
        return item_of(text, at)
    try:
        opcode, payload = encode_content(content, "null")
    except Exception:
        return item_of(shown(content), at)
    return item_of(payload.decode() if opcode == TEXT else payload, at)


def _is_small(content: Any) -> bool:
    """Whether the content has few parts, which are all plain. It runs no code of their types."""
    ahead = [content]
    for _ in range(_MOST_PARTS):
        if not ahead:
            return True
        part = ahead.pop()
        if isinstance(part, Record):
            part = part.__dict__
        if type(part) is dict:
            ahead += [*islice(part.keys(), _MOST_PARTS), *islice(part.values(), _MOST_PARTS)]
        elif type(part) in _LISTS:
            ahead += islice(part, _MOST_PARTS)
        elif type(part) not in PLAIN:
            return False
    return not ahead
