"""Bytes that wait: none is lost, doubled or out of order, and no other client waits for them."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import pytest

from tests.net.conftest import inside, on_loop, peak_memory
from tests.net.wire import BINARY, CONT, PING, PONG, TEXT, Frame, Wire, closing, frame, handshake
from zefnb import ET, FX, run, zef_function
from zefnb.net import read_scheduler
from zefnb.net.websocket import connection as connection_module
from zefnb.net.websocket.deflate import STEP

Raw = Callable[..., Wire]
DEFLATE = {"Sec_WebSocket_Extensions": "permessage-deflate; client_no_context_takeover; server_no_context_takeover"}


@zef_function(inline=True)
def echo(message: Any, state: Any) -> Any:
    if isinstance(message, str | bytes):
        return [[FX.Publish(target=state, content=message)], state]
    return [[], getattr(message, "topic_out", state)]


@zef_function
def echo_in_thread(message: Any, state: Any) -> Any:
    if isinstance(message, str | bytes):
        return [[FX.Publish(target=state, content=message)], state]
    return [[], getattr(message, "topic_out", state)]


@zef_function
async def echo_async(message: Any, state: Any) -> Any:
    if isinstance(message, str | bytes):
        return [[FX.Publish(target=state, content=message)], state]
    return [[], getattr(message, "topic_out", state)]


def actor(handler: Any, **options: Any) -> Any:
    return ET.WebSocket(actor=FX.StartActor(initial_state=None, handler=handler), **options)


@pytest.fixture
def mirror(serve: Any, no_pings: None) -> Any:
    routes = {"/ws": actor(echo), "/thread": actor(echo_in_thread), "/async": actor(echo_async)}
    return serve({**routes, "/deflate": actor(echo, compression=True)})


@pytest.fixture
def no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """An iteration has no time: each handles as little as possible."""
    monkeypatch.setattr(read_scheduler, "ITERATION_BUDGET", 0.0)
    monkeypatch.setattr(read_scheduler, "CONNECTION_BUDGET", 0.0)


def numbered(count: int) -> list[bytes]:
    return [b"%d" % number for number in range(count)]


@pytest.mark.parametrize("path", ["/ws", "/thread", "/async"])
def test_waiting_bytes_are_handled_in_order_by_every_kind_of_handler(no_time: None, mirror: Any, raw: Raw, path: str):
    wire = raw(mirror, path)
    wire.send(*(frame(text) for text in numbered(3_000)))
    assert [wire.read().payload for _ in range(3_000)] == numbered(3_000)


def test_frames_of_every_kind_wait_in_order(no_time: None, mirror: Any, raw: Raw):
    wire = raw(mirror)
    block = frame("a", fin=False) + frame(b"p", PING) + frame(b"", PONG) + frame("b", CONT) + frame(b"l" * 300, BINARY)
    wire.send(block * 200)
    answers = [Frame(PONG, b"p"), Frame(TEXT, b"ab"), Frame(BINARY, b"l" * 300)]
    assert [wire.read() for _ in range(600)] == answers * 200


def test_a_frame_cut_after_waiting_bytes_is_assembled(no_time: None, mirror: Any, raw: Raw):
    wire = raw(mirror)
    long = frame(b"x" * 100_000, BINARY)
    wire.send(frame("s") * 500, long[:50_000])
    assert [wire.read().payload for _ in range(500)] == [b"s"] * 500
    wire.send(long[50_000:], frame("end"))
    assert [len(wire.read().payload), wire.read().payload] == [100_000, b"end"]


def test_frames_in_the_segment_of_the_handshake_wait_as_well(no_time: None, mirror: Any, raw: Raw):
    wire = raw(mirror, path=None)
    wire.send(handshake(), *(frame(text) for text in numbered(500)))
    assert wire.read_head()[0] == 101
    assert [wire.read().payload for _ in range(500)] == numbered(500)


def test_compressed_messages_wait_in_order(no_time: None, mirror: Any, raw: Raw):
    wire = raw(mirror, "/deflate", **DEFLATE)

    def packed(text: bytes) -> bytes:
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        return (packer.compress(text) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]

    wire.send(*(frame(packed(text), rsv=4) for text in numbered(500)))
    came = [zlib.decompressobj(-15).decompress(wire.read().payload + b"\0\0\xff\xff") for _ in range(500)]
    assert came == numbered(500)


def test_a_close_frame_after_waiting_bytes_is_handled_after_them(no_time: None, mirror: Any, raw: Raw):
    wire = raw(mirror)
    wire.send(*(frame(text) for text in numbered(1_000)), closing(1000, "bye"))
    came, end = wire.read_until_close()
    assert [each.payload for each in came] == numbered(1_000)
    assert (end.code, end.reason) == (1000, "bye")
    assert wire.read_end() == b""


def test_bytes_before_the_end_of_the_stream_are_all_handled(
    no_time: None, serve: Any, topic: Any, raw: Raw, until: Any, clients: Any
):
    server = serve({"/ws": ET.WebSocket(clients_subscribe_to=[topic], clients_push_into_=[topic])})
    listener, wire = raw(server), raw(server)
    clients(server, 2)
    wire.send(*(frame(text) for text in numbered(2_000)))
    wire.socket.shutdown(1)
    assert [listener.read().payload for _ in range(2_000)] == numbered(2_000)
    clients(server, 1)


def test_a_connection_that_we_close_drops_waiting_bytes_and_reads_the_clients_close_frame(
    no_time: None, mirror: Any, raw: Raw, clients: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(connection_module, "CLOSE_TIMEOUT", 20.0)
    wire = raw(mirror)
    (row,) = clients(mirror, 1)
    wire.send(frame(b"", PONG) * 20_000)
    FX.CloseWebSocketConnection(http_server=mirror, channel_id=row["channel_id"], code=4001) | run
    assert wire.read_close().code == 4001
    wire.send(frame("late") * 500, frame(b"x" * 500_000, BINARY), closing(4001))
    assert wire.read_end() == b""


def test_a_connection_with_waiting_bytes_is_not_read(
    mirror: Any, raw: Raw, until: Any, monkeypatch: pytest.MonkeyPatch
):
    """The bytes that it sends stay in the kernels."""
    wire = raw(mirror)
    (connection,) = on_loop(inside(mirror).clients)
    monkeypatch.setattr(connection._outbox.reads, "_parse_queued", lambda: None)
    wire.socket.setblocking(False)
    with peak_memory() as peak:
        for _ in range(1_000):
            try:
                wire.socket.send(frame(b"", PONG) * 10_000)
            except BlockingIOError:
                until(lambda: on_loop(lambda: connection.is_reading_paused))
        assert peak() < 2 << 20
    monkeypatch.undo()
    on_loop(connection._outbox.reads._parse_queued)
    until(lambda: on_loop(lambda: not connection.is_reading_paused))


def test_an_iteration_handles_a_bounded_part_of_each_connection(mirror: Any, raw: Raw, monkeypatch: pytest.MonkeyPatch):
    """Ten clients with many messages take turns; their progress differs by one step only."""
    wires = [raw(mirror) for _ in range(10)]
    connections = on_loop(inside(mirror).clients)
    block = frame("x") * 2_000
    taken: list[list[int]] = []

    def feed() -> None:
        for connection in connections:
            connection.data_received(memoryview(block))
        taken.append([connection.received for connection in connections])

    monkeypatch.setattr(read_scheduler, "ITERATION_BUDGET", 0.0)
    on_loop(feed)
    assert max(taken[0]) < 100, "what one sends at once is not taken at once"
    for wire in wires:
        assert [wire.read().payload for _ in range(2_000)] == [b"x"] * 2_000


def test_a_client_that_disconnects_with_waiting_bytes_leaves_nothing_behind(
    no_time: None, mirror: Any, raw: Raw, clients: Any, until: Any
):
    wires = [raw(mirror) for _ in range(5)]
    (reads,) = {connection._outbox.reads for connection in on_loop(inside(mirror).clients)}
    for wire in wires:
        wire.send(frame(b"", PONG) * 20_000)
        wire.reset()
    clients(mirror, 0)
    until(lambda: on_loop(lambda: not reads._queue and not reads._is_scheduled))


def test_a_pause_with_waiting_bytes_lasts_until_it_is_resumed(no_time: None, mirror: Any, raw: Raw, until: Any):
    wire = raw(mirror)
    (connection,) = on_loop(inside(mirror).clients)
    on_loop(connection.pause_reading)
    # Came before the pause, as it were.
    on_loop(lambda: connection.data_received(b"".join(frame(text) for text in numbered(1_000))))
    before = connection.received
    assert before < 1_000
    on_loop(lambda: None)
    on_loop(lambda: None)
    assert connection.received == before
    on_loop(connection.resume_reading)
    assert [wire.read().payload for _ in range(1_000)] == numbered(1_000)
    until(lambda: on_loop(lambda: not connection.is_reading_paused))


def test_a_compressed_message_is_decompressed_in_several_iterations_and_keeps_its_order(
    no_time: None, mirror: Any, raw: Raw
):
    wire = raw(mirror, "/deflate", **DEFLATE)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = (packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]
    cut = len(bomb) // 2
    wire.send(frame("before"), frame(bomb[:cut], BINARY, fin=False, rsv=4), frame(b"p", PING), frame(bomb[cut:], CONT))
    wire.send(frame("after"))
    came = [wire.read() for _ in range(4)]
    unpacked = [
        each.payload if not each.rsv else zlib.decompressobj(-15).decompress(each.payload + b"\0\0\xff\xff")
        for each in came
    ]
    assert unpacked == [b"before", b"p", bytes(1 << 20), b"after"]


def test_many_zip_bombs_at_once_are_decompressed_in_steps_and_in_turn(
    mirror: Any, raw: Raw, monkeypatch: pytest.MonkeyPatch
):
    """Each allowed message takes milliseconds; no client waits for all of them."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = frame((packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4], BINARY, rsv=4)
    wires = [raw(mirror, "/deflate", **DEFLATE) for _ in range(10)]
    connections = on_loop(inside(mirror).clients)
    monkeypatch.setattr(read_scheduler, "ITERATION_BUDGET", 0.0)

    def feed() -> list[int]:
        for connection in connections:
            connection.data_received(memoryview(bomb))
        return [len(connection._fragments.payload) for connection in connections]

    assert max(on_loop(feed)) <= STEP
    for wire in wires:
        came = wire.read()
        # Ten at once are more than wait to be packed: some come as they are.
        payload = zlib.decompressobj(-15).decompress(came.payload + b"\0\0\xff\xff") if came.rsv else came.payload
        assert payload == bytes(1 << 20)


def test_a_client_that_disconnects_during_decompression_leaves_nothing_behind(
    no_time: None, mirror: Any, raw: Raw, clients: Any, until: Any
):
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = frame((packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4], BINARY, rsv=4)
    wires = [raw(mirror, "/deflate", **DEFLATE) for _ in range(5)]
    (reads,) = {connection._outbox.reads for connection in on_loop(inside(mirror).clients)}
    for wire in wires:
        wire.send(bomb * 5)
        wire.reset()
    clients(mirror, 0)
    until(lambda: on_loop(lambda: not reads._queue and not reads._is_scheduled))
