"""Unsent bytes: the messages that wait for all clients together, and the clients to close when these are too much."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol, TypeVar

from zefnb.net.websocket.backlog import Backlog

# Bytes that wait for all clients together. One client alone has only the limits of its route.
UNSENT_LIMIT = 128 << 20


class Receiver(Protocol):
    """A connection for which bytes wait."""

    backlog: Backlog | None

    @property
    def queued(self) -> int:
        """The number of bytes that wait for this client."""


R = TypeVar("R", bound=Receiver)


def surplus(receivers: Collection[R], now: float) -> list[R]:
    """The clients to close so that no more than `UNSENT_LIMIT` bytes wait for the others; `now` is `time.monotonic`.

    Those that read nothing are first, and of these the ones for which most waits. Bytes that wait for several clients
    count once.
    """

    def priority(receiver: R) -> tuple[bool, int]:
        return receiver.backlog is None or not receiver.backlog.is_read(now), receiver.queued

    held, seen = 0, set[int]()
    closed: list[R] = []
    for number, receiver in enumerate(sorted(receivers, key=priority)):
        own = _own_bytes(receiver, seen)
        if number and held + own > UNSENT_LIMIT:
            closed.append(receiver)
        else:
            held += own
            seen.update(map(id, _pieces(receiver)))
    return closed[::-1]


def _own_bytes(receiver: Receiver, seen: set[int]) -> int:
    """The bytes that wait for this client and not for those whose pieces have been `seen`."""
    shared = sum(len(piece) for piece in _pieces(receiver) if id(piece) in seen)
    return receiver.queued - shared


def _pieces(receiver: Receiver) -> list[bytes]:
    return receiver.backlog.counted_pieces() if receiver.backlog is not None else []
