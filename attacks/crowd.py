"""A crowd in a room: one talks as fast as the others hear, and every byte that comes is compared with what was said."""

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
_PATIENCE = 10.0
# Payloads are ASCII, so that in a stream of them these bytes can only open a control frame.
_PING, _CLOSE = 0x80 | PING, 0x80 | CLOSE


def _messages(batch: int, size: int) -> list[bytes]:
    return [b"%012d" % number + b"." * (size - 12) for number in range(batch * PER_BATCH, (batch + 1) * PER_BATCH)]


def _head(size: int, masked: int) -> bytes:
    return struct.pack("!BB", 0x81, masked | size) if size < 126 else struct.pack("!BBH", 0x81, masked | 126, size)


def _said(batch: int, size: int) -> bytes:
    """A batch as the talker sends it; a mask of zeros is a mask, too."""
    head = _head(size, 0x80) + bytes(4)
    return b"".join([head + message for message in _messages(batch, size)])


def _heard(batch: int, size: int) -> bytes:
    """A batch as everybody must get it."""
    head = _head(size, 0)
    return b"".join([head + message for message in _messages(batch, size)])


class Member:
    """One of the crowd: how many batches it has heard, each of them whole, once and in order."""

    def __init__(self, wire: Wire, first: int, size: int) -> None:
        self.wire, self.batches, self.wrong = wire, first, 0
        self._size, self._length = size, PER_BATCH * (len(_head(size, 0)) + size)
        self.close: bytes | None = None
        self.ended = False
        self._bytes = wire.received
        wire.socket.setblocking(False)

    def hear(self, most: int = 1 << 18) -> None:
        """Take what is there, and compare every batch that is complete."""
        try:
            data = self.wire.socket.recv(most)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self.ended = not data
        self._bytes += data
        self._take_control_frames()
        while len(self._bytes) >= self._length:
            self.wrong += self._bytes[: self._length] != _heard(self.batches, self._size)
            del self._bytes[: self._length]
            self.batches += 1

    def _take_control_frames(self) -> None:
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
    """Members who are waited for, the first of whom talks, and guests who are not."""

    def __init__(self, server: Server, stack: ExitStack, path: str, size: int) -> None:
        self._server, self._stack, self._path, self._size = server, stack, path, size
        self.members: list[Member] = []
        self._poll = select.poll()
        self._by_descriptor: dict[int, Member] = {}
        self._sent = 0
        self._unsent = memoryview(b"")
        self._heard_at = 0.0

    def join(self, count: int, receive_buffer: int | None = None) -> list[Member]:
        """Let so many in; they hear what is said from now on."""
        came = [self._enter(receive_buffer) for _ in range(count)]
        self.members += came
        for member in came:
            self._by_descriptor[member.wire.socket.fileno()] = member
            self._poll.register(member.wire.socket, select.POLLIN)
        return came

    def guests(self, count: int, receive_buffer: int | None = None) -> list[Member]:
        """Let so many in whom nobody waits for, and who are read by whoever asked for them."""
        return [self._enter(receive_buffer) for _ in range(count)]

    def _enter(self, receive_buffer: int | None) -> Member:
        wire = self._stack.enter_context(connect(self._server, self._path, receive_buffer))
        return Member(wire, self._sent, self._size)

    def dismiss(self, members: list[Member]) -> None:
        """Wait for these no longer."""
        for member in members:
            self.members.remove(member)
            self._poll.unregister(member.wire.socket)
            del self._by_descriptor[member.wire.socket.fileno()]

    def paces(self, seconds: int, each_turn: Callable[[], object] = lambda: None) -> list[float]:
        """Messages a second, second by second: the machine's own hiccups fall into some of them only."""
        return [self.talk(1, each_turn) for _ in range(seconds)]

    def talk(self, seconds: float, each_turn: Callable[[], object] = lambda: None) -> float:
        """Talk for so long, then wait until all have heard all; answers messages a second."""
        begin, first = time.monotonic(), self._sent
        self._heard_at = begin
        while time.monotonic() - begin < seconds:
            self._say()
            self._turn()
            each_turn()
        while self._unsent or self._behind() < self._sent:
            self._turn()
            each_turn()
        return (self._sent - first) * PER_BATCH / (time.monotonic() - begin)

    def _behind(self) -> int:
        return min(member.batches for member in self.members)

    def _say(self) -> None:
        if not self._unsent and self._sent - self._behind() < _AHEAD:
            self._unsent = memoryview(_said(self._sent, self._size))
            self._sent += 1

    def _turn(self) -> None:
        if self._unsent:
            with suppress(BlockingIOError):
                self._unsent = self._unsent[self.members[0].wire.socket.send(self._unsent) :]
        for descriptor, _ in self._poll.poll(5):
            member = self._by_descriptor[descriptor]
            member.hear()
            self._heard_at = time.monotonic()
            if member.ended:
                raise Broken(f"a client that reads lost its connection, close {member.close!r}")
        if time.monotonic() - self._heard_at > _PATIENCE:
            raise Broken(f"silence: {self._sent - self._behind()} batches under way do not come")

    @property
    def wrong(self) -> int:
        """Batches that were not what had been said."""
        return sum(member.wrong for member in self.members)


@contextmanager
def crowd(server: Server, count: int, path: str = "/ws", size: int = SIZE) -> Iterator[Crowd]:
    """So many clients in a room."""
    with ExitStack() as stack:
        room = Crowd(server, stack, path, size)
        room.join(count)
        yield room
