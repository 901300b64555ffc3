"""Entries of the log: a batch of messages of one node, with the number of the first. They may come from anyone."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from zefnb.cluster.batch import Received, as_int, unpacked
from zefnb.core.codec.scan import Undecodable
from zefnb.text.controls import strip_controls

_LONGEST_PUBLISHER = 40


class Entry(NamedTuple):
    """The incarnation of the node, the number of its first message, and the messages."""

    publisher: str
    first: int
    messages: list[Received]

    @classmethod
    def of(cls, given: list[bytes]) -> Entry:
        """Return the entry of these names and values of fields. Raises `Undecodable` if it is not valid."""
        parts = iter(given)
        fields = dict(zip(parts, parts, strict=False))
        try:
            name, number, batch = fields[b"p"], fields[b"q"], fields[b"b"]
        except KeyError:
            raise Undecodable("a field of it is missing") from None
        publisher, first = _publisher(name), as_int(number)
        if not 0 < first < 1 << 60:
            raise Undecodable("the number of its first message is not valid")
        messages = list(unpacked(batch))
        if not messages:
            raise Undecodable("it has no message")
        return cls(publisher, first, messages)


@lru_cache
def _publisher(name: bytes) -> str:
    """Return the incarnation of a node."""
    publisher = name.decode("ascii", "replace")
    if not publisher.isalnum() or len(publisher) > _LONGEST_PUBLISHER:
        raise Undecodable(f"its publisher {strip_controls(publisher, _LONGEST_PUBLISHER)!r} is not valid")
    return publisher
