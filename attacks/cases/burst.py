"""Bursts: thousands of messages at once. All clients receive each of them once, in one order."""

from __future__ import annotations

import threading
import time
from functools import partial

from attacks.attack import Attack, Outcome, Settings
from attacks.targets import Server
from attacks.wire import Wire, connected, frame

SIZE = 64


def numbered(talker: int, count: int) -> list[bytes]:
    return [b"%03d %08d" % (talker, number) + b"." * (SIZE - 12) for number in range(count)]


def listen(wires: list[Wire], length: int) -> list[bytes]:
    """Read `length` bytes from each, at the same time; fewer when the server stops sending."""
    arrived: list[bytearray] = [bytearray() for _ in wires]

    def read(wire: Wire, into: bytearray) -> None:
        wire.socket.settimeout(10)
        into += wire.received
        try:
            while len(into) < length and (data := wire.socket.recv(1 << 18)):
                into += data
        except OSError:
            return

    readers = [threading.Thread(target=read, args=pair, daemon=True) for pair in zip(wires, arrived, strict=True)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    return [bytes(each) for each in arrived]


def without_pings(stream: bytes) -> bytes:
    """Remove pings, which a slow peer sends; payloads are ASCII and cannot contain their first byte."""
    while (at := stream.find(b"\x89")) >= 0:
        stream = stream[:at] + stream[at + 2 + stream[at + 1] :]
    return stream


def burst(receivers: int, talkers: int, server: Server, settings: Settings) -> Outcome:
    """Every talker sends all messages without reading; then the streams are compared byte by byte."""
    count = settings.pick(10_000, 2_000) // talkers
    expected = [numbered(talker, count) for talker in range(talkers)]
    each = len(frame(bytes(SIZE), mask=None))
    with connected(server, receivers) as wires:
        began = time.monotonic()
        senders = [
            threading.Thread(target=wire.send, args=[frame(message) for message in messages])
            for wire, messages in zip(wires, expected, strict=False)
        ]
        for sender in senders:
            sender.start()
        streams = listen(wires, each * count * talkers)
        for sender in senders:
            sender.join()
        took = time.monotonic() - began
    streams = [without_pings(stream) for stream in streams]
    lost = sum(count * talkers - len(stream) // each for stream in streams)
    payloads = [streams[0][at + 2 : at + each] for at in range(0, len(streams[0]), each)]
    doubled = len(payloads) - len(set(payloads))
    own_order = all([p for p in payloads if p[:3] == own[0][:3]] == own for own in expected)
    one_order = all(stream == streams[0] for stream in streams)
    rate = sum(len(stream) // each for stream in streams) / took
    figure = f"{lost:,} lost, {doubled:,} doubled, {'one order' if one_order and own_order else 'ORDERS DIFFER'}"
    return Outcome(
        f"{figure}; {rate / 1e3:,.0f} k deliveries/s",
        ok=not lost and not doubled and one_order and own_order,
        details={"lost": lost, "doubled": doubled, "rate": rate},
    )


def _attack(receivers: int, talkers: int, quick: bool) -> Attack:
    client = "1 client" if talkers == 1 else f"{talkers} clients at once"
    return Attack(
        name=f"burst-{receivers}" if talkers == 1 else f"burst-{talkers}-to-{receivers}",
        promise=f"10,000 pipelined messages from {client} into a topic with {receivers} receivers: "
        "0 lost, 0 doubled, one order",
        run=partial(burst, receivers, talkers),
        quick=quick,
    )


ATTACKS = (_attack(1, 1, False), _attack(10, 1, True), _attack(100, 1, False), _attack(100, 10, True))
