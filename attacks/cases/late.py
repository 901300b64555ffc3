"""Clients that connect during a burst into a topic with a history: the last messages, and then every one."""

from __future__ import annotations

import asyncio
import threading
import time

from attacks.attack import Attack, Outcome, Settings
from attacks.cases.lifecycle import allow_descriptors
from attacks.targets import Server
from attacks.wire import connect, frame, handshake

_PATH, _HISTORY = "/late", 50
_HANDSHAKE = handshake(_PATH)
_DIGITS = 6
# Messages that are sent while the next ones of the clients connect.
_PER_STEP = 100


def _message(number: int) -> str:
    return f"{number:0{_DIGITS}}"


class _Late:
    """Clients that connect one after another, and read until the last message."""

    def __init__(self, port: int, last: bytes) -> None:
        self._port, self._last = port, last
        self.connected = 0

    async def read(self) -> bytes:
        """Return all frames that one client receives."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 20)
        try:
            writer.write(_HANDSHAKE)
            await reader.readuntil(b"\r\n\r\n")
            self.connected += 1
            return await asyncio.wait_for(reader.readuntil(self._last), 120)
        finally:
            writer.close()

    async def read_all(self, count: int) -> list[bytes]:
        """Return the frames of `count` clients."""
        waiting = []
        for _ in range(count):
            waiting.append(asyncio.create_task(self.read()))
            await asyncio.sleep(0)
        return await asyncio.gather(*waiting)


def join_late(server: Server, settings: Settings) -> Outcome:
    """Clients connect in every part of a burst. Each must receive the end of it, from 50 messages before it came."""
    clients, burst = settings.pick(1_000, 100), settings.pick(10_000, 2_000)
    allow_descriptors()
    messages = [_message(number) for number in range(burst)]
    stream = b"".join(b"\x81" + bytes([_DIGITS]) + message.encode() for message in messages)
    late = _Late(server.port, messages[-1].encode())
    everything: list[bytes] = []
    thread = threading.Thread(target=lambda: everything.extend(asyncio.run(late.read_all(clients))))
    began = time.monotonic()
    with connect(server, _PATH) as talker:
        talker.send(b"".join(frame(message) for message in messages[:_HISTORY]))
        thread.start()
        for start in range(_HISTORY, burst, _PER_STEP):
            while thread.is_alive() and late.connected < clients * start // burst - _PER_STEP:
                time.sleep(0.001)
            talker.send(b"".join(frame(message) for message in messages[start : start + _PER_STEP]))
        thread.join()
    took = time.monotonic() - began
    size = _DIGITS + 2
    right = sum(len(data) >= _HISTORY * size and stream.endswith(data) for data in everything)
    starts = sorted(burst - len(data) // size for data in everything)
    return Outcome(
        f"{right:,} of {clients:,} have the last {_HISTORY} messages and every one after them, in order; they began "
        f"at messages {starts[0]:,} to {starts[-1]:,}; {took:.1f} s",
        ok=right == clients == len(everything) and starts[-1] - starts[0] > burst / 4,
        details={"right": right, "first": starts[0], "last": starts[-1]},
    )


ATTACKS = (
    Attack(
        "late",
        "1,000 clients connect during a burst of 10,000 messages into a topic with a history of 50: each receives the "
        "last 50 and then every one, without gaps or duplicates, in order",
        join_late,
        peers=False,
    ),
)
