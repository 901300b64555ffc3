"""Plain sockets of attackers, as the tests of the network have them, and helpers for many at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from attacks.targets import Server
from tests.net.wire import BINARY, CLOSE, CONT, PING, PONG, TEXT, Frame, Wire, closing, frame, handshake


def connect(server: Server, path: str = "/ws", receive_buffer: int | None = None, **headers: str) -> Wire:
    """Return a plain socket after its handshake."""
    wire = Wire(server.port, receive_buffer=receive_buffer)
    try:
        return wire.open(path, **headers)
    except BaseException:
        wire.close()
        raise


@contextmanager
def connected(server: Server, count: int, path: str = "/ws", receive_buffer: int | None = None) -> Iterator[list[Wire]]:
    """Connect `count` of them, and close them at the end."""
    with ExitStack() as stack:
        yield [stack.enter_context(connect(server, path, receive_buffer)) for _ in range(count)]


__all__ = [
    "BINARY",
    "CLOSE",
    "CONT",
    "PING",
    "PONG",
    "TEXT",
    "Frame",
    "Wire",
    "closing",
    "connect",
    "connected",
    "frame",
    "handshake",
]
