"""Batches: the messages of one entry of the log, as bytes.

Each message has a head (its kind, the length of its key, the length of its content), the key and the content. Bytes of
an entry may come from anyone, so that reading checks every length.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

from zefnb.core.codec.scan import Undecodable

# A message of a topic; an event of a node; a message of a topic with the home of each uid in it.
TOPIC, EVENT, FAR = 0, 1, 2
_HEAD = struct.Struct(">BHI")
LONGEST_KEY = 0xFFFF


class Received(NamedTuple):
    """A message of a batch: its kind, the key of its topic or the name of its event, and its encoded content."""

    kind: int
    key: str
    content: bytes


def packed(kind: int, key: str, content: bytes) -> bytes:
    """Return one message as bytes."""
    name = key.encode()
    return _HEAD.pack(kind, len(name), len(content)) + name + content


def unpacked(batch: bytes) -> Iterator[Received]:
    """Yield the messages of a batch. Raises `Undecodable` for other bytes."""
    at, end = 0, len(batch)
    name, key = b"", ""  # of the message before, which is often for the same topic
    make, head_size, unpack = tuple.__new__, _HEAD.size, _HEAD.unpack_from
    while at < end:
        if at + head_size > end:
            raise Undecodable("it ends within a message")
        kind, name_size, size = unpack(batch, at)
        begin = at + head_size + name_size
        at = begin + size
        if at > end or kind > FAR:
            raise Undecodable("a message in it is not valid")
        if (found := batch[begin - name_size : begin]) != name:
            try:
                name, key = found, found.decode()
            except UnicodeDecodeError:
                raise Undecodable("the name of a topic in it is not text") from None
        yield make(Received, (kind, key, batch[begin:at]))


def as_int(given: Any) -> int:
    """Return a number of an entry. Raises `Undecodable` if it is not a number."""
    try:
        return int(given)
    except (TypeError, ValueError):
        raise Undecodable("a number in it is not valid") from None
