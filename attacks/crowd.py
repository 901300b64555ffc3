"""A crowd in a room: one client sends as fast as the others receive, and every received byte is checked."""

from __future__ import annotations

import select
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

from attacks.attack import Broken
from attacks.targets import Server
from attacks.wire import CLOSE, PING, PONG, Wire, connect, frame

SIZE = 64
PER_BATCH = 100
_AHEAD = 3
_TIMEOUT = 10.0
# Payloads are ASCII, so these bytes can only start a control frame.
_PING, _CLOSE = 0x80 | PING, 0x80 | CLOSE


def _messages(batch: int, size: int) -> list[bytes]:
    return [b"%012d" % number + b"." * (size - 12) for number in range(batch * PER_BATCH, (batch + 1) * PER_BATCH)]


def _head(size: int, masked: int) -> bytes:
    return struct.pack("!BB", 0x81, masked | size) if size < 126 else struct.pack("!BBH", 0x81, masked | 126, size)


def _sent_bytes(batch: int, size: int) -> bytes:
    """Return a batch as it is sent; a mask of zeros is a valid mask."""
    head = _head(size, 0x80) + bytes(4)
    return b"".join([head + message for message in _messages(batch, size)])


def _expected_bytes(batch: int, size: int) -> bytes:
    """Return a batch as every member must receive it."""
    head = _head(size, 0)
    return b"".join([head + message for message in _messages(batch, size)])


class Member:
    """A client of the crowd. It counts the batches that it received whole, once and in order."""

    def __init__(self, wire: Wire, first: int, size: int) -> None:
        self.wire, self.batches, self.wrong = wire, first, 0
        self._size, self._length = size, PER_BATCH * (len(_head(size, 0)) + size)
        self.close: bytes | None = None
        self.ended = False
        self._bytes = wire.received
        wire.socket.setblocking(False)

    def receive(self, most: int = 1 << 18) -> None:
        """Read available bytes, and compare every complete batch."""
        try:
            data = self.wire.socket.recv(most)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self.ended = not data
        self._bytes += data
        self._handle_control_frames()
        while len(self._bytes) >= self._length:
            self.wrong += self._bytes[: self._length] != _expected_bytes(self.batches, self._size)
            del self._bytes[: self._length]
            self.batches += 1

    def _handle_control_frames(self) -> None:
        for first in (_PING, _CLOSE):
            at = self._bytes.find(first)
            if at < 0 or len(self._bytes) < at + 2 or len(self._bytes) < at + 2 + self._bytes[at + 1]:
                continue
            payload = bytes(self._bytes[at + 2 : at + 2 + self._bytes[at + 1]])
            del self._bytes[at : at + 2 + len(payload)]
            if first == _CLOSE:
                self.close = payload
            else:
                with suppress(OSError):
                    self.wire.socket.send(frame(payload, PONG))


class Crowd:
    """Members, of which the first sends and waits for all, and extra clients that it does not wait for."""

    def __init__(self, server: Server, stack: ExitStack, path: str, size: int) -> None:
        self._server, self._stack, self._path, self._size = server, stack, path, size
        self.members: list[Member] = []
        self._poll = select.poll()
        self._by_descriptor: dict[int, Member] = {}
        self._sent = 0
        self._unsent = memoryview(b"")
        self._received_at = 0.0

    def join(self, count: int, receive_buffer: int | None = None) -> list[Member]:
        """Connect `count` members; they receive what is sent from now on."""
        members = [self._connect(receive_buffer) for _ in range(count)]
        self.members += members
        for member in members:
            self._by_descriptor[member.wire.socket.fileno()] = member
            self._poll.register(member.wire.socket, select.POLLIN)
        return members

    def extra_clients(self, count: int, receive_buffer: int | None = None) -> list[Member]:
        """Connect `count` clients that are not members; the caller reads from them."""
        return [self._connect(receive_buffer) for _ in range(count)]

    def _connect(self, receive_buffer: int | None) -> Member:
        wire = self._stack.enter_context(connect(self._server, self._path, receive_buffer))
        return Member(wire, self._sent, self._size)

    def remove(self, members: list[Member]) -> None:
        """Remove members: the sender no longer waits for them."""
        for member in members:
            self.members.remove(member)
            self._poll.unregister(member.wire.socket)
            del self._by_descriptor[member.wire.socket.fileno()]

    def paces(self, seconds: int, each_round: Callable[[], object] = lambda: None) -> list[float]:
        """Return the rates of single seconds: other load disturbs only some of them."""
        return [self.send_for(1, each_round) for _ in range(seconds)]

    def send_for(self, seconds: float, each_round: Callable[[], object] = lambda: None) -> float:
        """Send for `seconds`, then wait until all have received all; return messages per second."""
        begin, first = time.monotonic(), self._sent
        self._received_at = begin
        while time.monotonic() - begin < seconds:
            self._send()
            self._round()
            each_round()
        while self._unsent or self._behind() < self._sent:
            self._round()
            each_round()
        return (self._sent - first) * PER_BATCH / (time.monotonic() - begin)

    def _behind(self) -> int:
        return min(member.batches for member in self.members)

    def _send(self) -> None:
        if not self._unsent and self._sent - self._behind() < _AHEAD:
            self._unsent = memoryview(_sent_bytes(self._sent, self._size))
            self._sent += 1

    def _round(self) -> None:
        if self._unsent:
            with suppress(BlockingIOError):
                self._unsent = self._unsent[self.members[0].wire.socket.send(self._unsent) :]
        for descriptor, _ in self._poll.poll(5):
            member = self._by_descriptor[descriptor]
            member.receive()
            self._received_at = time.monotonic()
            if member.ended:
                raise Broken(f"a client that reads lost its connection, close {member.close!r}")
        if time.monotonic() - self._received_at > _TIMEOUT:
            raise Broken(f"silence: {self._sent - self._behind()} batches in flight do not arrive")

    @property
    def wrong(self) -> int:
        """The number of batches that differ from those sent."""
        return sum(member.wrong for member in self.members)


@contextmanager
def crowd(server: Server, count: int, path: str = "/ws", size: int = SIZE) -> Iterator[Crowd]:
    """Connect `count` clients to a room."""
    with ExitStack() as stack:
        room = Crowd(server, stack, path, size)
        room.join(count)
        yield room
