"""The bounds of writing and reading, each just below, at and just above the bound."""

from __future__ import annotations

import random
import zlib
from time import monotonic
from typing import Any

import pytest
from websockets.extensions.permessage_deflate import PerMessageDeflate

from tests.net.conftest import on_loop
from tests.net.wire import Wire
from zefnb import ET
from zefnb.engine.runtime import default_runtime
from zefnb.net import read_scheduler
from zefnb.net.read_scheduler import CROWD, ReadScheduler
from zefnb.net.websocket import fanout, outbox, packer
from zefnb.net.websocket.backlog import LONGEST_PIECE, Backlog, joined
from zefnb.net.websocket.connection import Connection
from zefnb.net.websocket.deflate import STEP, SteppedDeflate
from zefnb.net.websocket.fanout import Fanout
from zefnb.net.websocket.outbox import Outbox
from zefnb.net.websocket.packer import packed
from zefnb.net.websocket.slow_client import SlowClient, check_slow_client

HALF = LONGEST_PIECE // 2


@pytest.mark.parametrize(
    ("sizes", "pieces"),
    [
        ([HALF, HALF - 1], [(LONGEST_PIECE - 1, 2)]),
        ([HALF, HALF], [(LONGEST_PIECE, 2)]),
        ([HALF, HALF + 1], [(HALF, 1), (HALF + 1, 1)]),
        ([HALF, HALF, 1], [(LONGEST_PIECE, 2), (1, 1)]),
        ([LONGEST_PIECE + 1, 1, 2], [(LONGEST_PIECE + 1, 1), (3, 2)]),
        ([1, LONGEST_PIECE, LONGEST_PIECE - 1, 1], [(1, 1), (LONGEST_PIECE, 1), (LONGEST_PIECE, 2)]),
    ],
)
def test_frames_are_joined_up_to_the_longest_piece(sizes: list[int], pieces: list[tuple[int, int]]):
    made = joined([(bytes([number]) * size, 1) for number, size in enumerate(sizes)])
    assert [(len(data), count) for data, count in made] == pieces
    assert b"".join(data for data, _ in made) == b"".join(bytes([n]) * size for n, size in enumerate(sizes))


@pytest.mark.parametrize(("most", "dropped"), [(31, 0), (30, 0), (29, 1), (20, 1), (19, 2), (0, 2)])
def test_the_oldest_pieces_are_dropped_down_to_the_limit_and_the_newest_is_kept(most: int, dropped: int):
    backlog = Backlog()
    for _ in range(3):
        backlog.put(b"x" * 10, 1)
    assert backlog.drop_oldest(most) == [(b"x" * 10, 1)] * dropped
    assert (backlog.bytes, backlog.messages) == (30 - 10 * dropped, 3 - dropped)


@pytest.mark.parametrize(
    ("given", "fits"),
    [
        ({"max_seconds": 0}, False),
        ({"max_seconds": 1e-9}, True),
        ({"max_seconds": 1e300}, True),
        ({"max_seconds": float("inf")}, False),
        ({"max_seconds": float("nan")}, False),
        ({"max_bytes": 0}, False),
        ({"max_bytes": 1}, True),
        ({"max_bytes": -1}, False),
    ],
)
def test_the_limits_of_a_slow_client_are_positive_and_finite(given: dict[str, Any], fits: bool):
    faults: list[Any] = []
    check_slow_client("slow_client", given, faults)
    assert (not faults) is fits


def test_publishers_wait_for_a_quarter_of_the_bytes_that_a_route_allows():
    assert [SlowClient(max_bytes=size).pause_above for size in (3, 4, 1_000, 4 << 18, 1 << 30)] == [
        0,
        1,
        250,
        1 << 18,
        1 << 18,
    ]


class Dirty:
    def __init__(self, pieces: int = 0) -> None:
        self.pending = [(b"", 0)] * pieces
        self.flushed = 0

    def flush(self) -> None:
        self.flushed += 1


def flushed(*pieces: int) -> int:
    """Return how many of the connections are written to in an iteration that has no time left."""

    def there() -> int:
        made = Outbox(default_runtime())
        connections = [Dirty(count) for count in pieces]
        made._dirty = list(connections)
        made.flush()
        return sum(each.flushed for each in connections)

    return int(on_loop(there))


@pytest.mark.parametrize(("connections", "written"), [(3, 3), (4, 1), (5, 1)])
def test_few_connections_are_written_to_at_once(connections: int, written: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(outbox, "WRITE_BUDGET", -1.0)
    assert flushed(*[0] * connections) == written


@pytest.mark.parametrize(("pieces", "written"), [(15, 1), (16, 2), (17, 2)])
def test_a_connection_with_many_pieces_does_not_wait(pieces: int, written: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(outbox, "WRITE_BUDGET", -1.0)
    assert flushed(0, 0, 0, 0, pieces) == written


class Member(Dirty):
    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []

    def send_raw(self, data: bytes, count: int) -> None:
        self.calls.append("later")

    def write(self, data: bytes, count: int) -> None:
        self.calls.append("now")


@pytest.mark.parametrize(
    ("more", "seconds", "call"), [(-1, -1, "now"), (0, -1, "now"), (1, -1, "later"), (1, 60, "now")]
)
def test_a_small_batch_is_written_now_and_a_larger_one_within_the_budget(more: int, seconds: int, call: str):
    class Batch:
        members = (Member(), Member())

        def take(self) -> list[tuple[bytes, int, tuple[Member, ...]]]:
            return [(b"x" * (outbox._SMALL_BATCH // 2 + more), 1, self.members)]

    batch = Batch()
    on_loop(lambda: Outbox(default_runtime())._flush_batch(batch, monotonic() + seconds))
    assert [member.calls for member in batch.members] == [[call]] * 2


def test_the_rest_of_a_large_batch_waits_for_the_next_iteration(monkeypatch: pytest.MonkeyPatch):
    """A second flush in the same iteration would have a budget of its own."""
    monkeypatch.setattr(outbox, "WRITE_BUDGET", -1.0)
    scheduled: list[str] = []

    class Loop:
        def at_iteration_end(self, call: object) -> None:
            scheduled.append("this")

        def call_soon(self, call: object) -> None:
            scheduled.append("next")

    class Late(Dirty):
        def send_raw(self, data: bytes, count: int) -> None:
            made.add(self)

    class Batch:
        members = [Late() for _ in range(5)]

        def take(self) -> list[tuple[bytes, int, list[Late]]]:
            return [(bytes(outbox._SMALL_BATCH), 1, self.members)]

    made: Any = on_loop(lambda: Outbox(default_runtime()))
    made._loop = Loop()
    made.begin_batch(Batch())
    made.flush()
    assert scheduled == ["this", "next"]
    assert sum(member.flushed for member in Batch.members) == 1


@pytest.mark.parametrize(("seconds", "held"), [(-1.0, True), (60.0, False)])
def test_long_batches_of_an_iteration_share_its_time_and_pause_those_that_push(
    seconds: float, held: bool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(outbox, "WRITE_BUDGET", seconds)
    made: Any = on_loop(lambda: Outbox(default_runtime()))

    class Batch:
        def take(self) -> list[Any]:
            return []

    deadlines: list[Any] = []
    for _ in range(2):
        made.flush_early(Batch())
        deadlines.append(made._deadline)
    assert deadlines[0] == deadlines[1]
    assert made.slow_clients.is_held is held
    made.flush()
    assert (made._deadline, made.slow_clients.is_held) == (None, False)


@pytest.mark.parametrize(("more", "flushes"), [(-1, 0), (0, 0), (1, 1)])
def test_a_long_batch_is_written_within_the_iteration(more: int, flushes: int):
    class Box:
        batch: Any = None
        flushed = 0

        def begin_batch(self, batch: Any) -> None:
            self.batch = batch

        def flush_early(self, batch: Any) -> None:
            assert batch is made
            self.flushed += 1

    box: Any = Box()
    made = Fanout(default_runtime(), box, ET.Topic("t"), "null")
    made.deliver("x" * 1_000)
    made.deliver("x" * (fanout._LONGEST_BATCH - 1_000 + more))
    assert box.flushed == flushes
    assert sum(count for _, count, _ in made.take()) == 2
    made.deliver("x" * fanout._LONGEST_BATCH)
    assert box.flushed == flushes


class Parser:
    """Parses nothing, and may queue again."""

    def __init__(self, scheduler: ReadScheduler, again: bool) -> None:
        self.is_queued, self._scheduler, self._again = False, scheduler, again

    def parse_until(self, deadline: float) -> None:
        if self._again:
            self._scheduler.add(self)


@pytest.mark.parametrize(
    ("queued", "left", "crowded"),
    [
        (CROWD - 1, CROWD - 1, False),
        (CROWD, CROWD // 2, True),
        (CROWD, CROWD // 2 - 1, False),
        (CROWD + 1, CROWD, True),
    ],
)
def test_connections_are_a_crowd_from_32_on_until_fewer_than_16_wait(
    queued: int, left: int, crowded: bool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(read_scheduler, "ITERATION_BUDGET", 1e9)

    def there() -> tuple[bool, bool]:
        scheduler = ReadScheduler(default_runtime())
        scheduler._is_scheduled = True  # the test calls it
        for number in range(queued):
            scheduler.add(Parser(scheduler, again=number < left))
        before = scheduler.is_crowded
        scheduler._parse_queued()
        scheduler._queue.clear()
        return before, scheduler.is_crowded

    assert on_loop(there) == (queued >= CROWD, crowded)


@pytest.mark.parametrize(("size", "level"), [(65_535, -1), (65_536, -1), (65_537, 1)])
def test_a_longer_message_is_packed_quickly(size: int, level: int):
    payload = random.Random(1).randbytes(100) * 1_000
    made = zlib.compressobj(level, zlib.DEFLATED, -15)
    assert packed(payload[:size]) == (made.compress(payload[:size]) + made.flush(zlib.Z_SYNC_FLUSH))[:-4]
    assert packer._QUICK_LEVEL == 1


def test_a_message_that_ends_at_a_step_is_unpacked_whole():
    """For each size around the ends of steps: zlib may still hold output when it has taken all input."""
    for size in [*range(STEP - 300, STEP + 3), *range(2 * STEP - 300, 2 * STEP + 3)]:
        payload = b"ab" * (size // 2) + b"c" * (size % 2)
        extension = SteppedDeflate(PerMessageDeflate(True, True, 15, 15))
        assert b"".join(extension.unpack(0xC1, packed(payload), 1 << 20)) == payload


@pytest.mark.parametrize(("bits", "agreed"), [(8, False), (9, True), (15, True)])
def test_a_window_that_zlib_does_not_have_is_not_agreed_on(serve: Any, topic: Any, bits: int, agreed: bool):
    server = serve({"/ws": ET.WebSocket(clients_subscribe_to=[topic], compression=True)})
    with Wire(server.port) as wire:
        offer = f"permessage-deflate; server_max_window_bits={bits}"
        head = (
            "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Extensions: {offer}\r\n\r\n"
        )
        wire.send(head.encode())
        answer = wire.socket.recv(4_096)
    assert answer.startswith(b"HTTP/1.1 101")
    assert (b"permessage-deflate" in answer.lower()) is agreed


def test_the_end_of_a_connection_that_the_peer_has_reset_raises_nothing():
    calls: list[str] = []

    class Reset:
        def is_closing(self) -> bool:
            return False

        def can_write_eof(self) -> bool:
            return True

        def write_eof(self) -> None:
            raise OSError(107, "Transport endpoint is not connected")

        def abort(self) -> None:
            calls.append("abort")

    def end() -> None:
        connection = Connection(default_runtime().service(Outbox), None, lambda each: None)
        connection.transport = Reset()  # type: ignore[assignment]
        connection.end_sending()

    on_loop(end)
    assert calls == ["abort"]
