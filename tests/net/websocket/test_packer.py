"""Packing: long messages in a thread, each in its place among all that is sent to a client."""

from __future__ import annotations

import random
import threading
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.net.wire import CLOSE, PING, PONG, Frame, Wire, frame
from zefnb import ET, FX, run
from zefnb.engine.unawaited_thread import UnawaitedThread
from zefnb.net.websocket import packer

Raw = Callable[..., Wire]
DEFLATE = {"Sec_WebSocket_Extensions": "permessage-deflate; client_no_context_takeover; server_no_context_takeover"}
LONG = 3 * packer.AT_ONCE


@pytest.fixture
def compressed(serve: Any, topic: Any) -> Any:
    route = ET.WebSocket(clients_subscribe_to=[topic], clients_push_into_=[topic], compression=True)
    return serve({"/ws": route})


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Long messages are compressed once this event is set; it is set at the end."""
    released, pack = threading.Event(), packer.packed

    def wait(payload: bytes, window_bits: int = 15) -> bytes:
        assert len(payload) <= packer.AT_ONCE or released.wait(20)
        return pack(payload, window_bits)

    monkeypatch.setattr(packer, "packed", wait)
    yield released
    released.set()


def content(came: Frame) -> bytes:
    return zlib.decompressobj(-15).decompress(came.payload + b"\0\0\xff\xff") if came.rsv else came.payload


def publish(topic: Any, *texts: str) -> None:
    for text in texts:
        FX.Publish(target=topic, content=text) | run


def test_messages_after_a_long_message_are_sent_after_it(compressed: Any, topic: Any, raw: Raw):
    wires = [raw(compressed, **DEFLATE) for _ in range(5)]
    sizes = random.Random(1).choices([1, 200, packer.AT_ONCE, packer.AT_ONCE + 1, LONG, 200_000], k=200)
    texts = [f"{number:06d}" + "x" * size for number, size in enumerate(sizes)]
    publish(topic, *texts)
    for wire in wires:
        assert [content(wire.read()).decode() for _ in texts] == texts


def test_other_clients_are_served_while_a_long_message_is_compressed(
    compressed: Any, topic: Any, chat: Any, raw: Raw, held: threading.Event
):
    first, plain = raw(compressed, **DEFLATE), raw(compressed)
    text = "long " * LONG
    publish(topic, text, "short")
    # Whoever agreed on nothing has both at once, and so has whoever joins later what is said later.
    assert [plain.read().payload.decode() for _ in range(2)] == [text, "short"]
    late = raw(compressed, **DEFLATE)
    late.send(frame("late"))
    assert content(late.read()) == content(plain.read()) == b"late"
    first.send(frame(b"still there?", PING))
    assert first.silent()
    held.set()
    assert [content(first.read()).decode() for _ in range(3)] == [text, "short", "late"]
    assert first.read() == (PONG, b"still there?", True, 0)
    first.send(frame("heard again"))
    assert content(first.read()) == b"heard again"


@pytest.mark.parametrize("size", [packer.AT_ONCE, packer.AT_ONCE + 1])
def test_a_message_of_up_to_16_kib_is_compressed_at_once(
    compressed: Any, topic: Any, raw: Raw, size: int, monkeypatch: pytest.MonkeyPatch
):
    threads: list[str] = []
    pack = packer.packed

    def noted(payload: bytes, window_bits: int = 15) -> bytes:
        threads.append(threading.current_thread().name)
        return pack(payload, window_bits)

    monkeypatch.setattr(packer, "packed", noted)
    wire = raw(compressed, **DEFLATE)
    publish(topic, "x" * size)
    assert content(wire.read()) == b"x" * size
    assert len(threads) == 1
    assert (threads == ["zefnb-packer"]) == (size > packer.AT_ONCE)


def test_a_close_frame_is_sent_after_messages_that_wait_for_compression(
    compressed: Any, topic: Any, raw: Raw, held: threading.Event
):
    wires = [raw(compressed, **DEFLATE) for _ in range(2)]
    text = "long " * LONG
    publish(topic, text)
    # The message is accepted. The loop performs this after delivering it, so before it reads the close frame.
    FX.QueryHTTPServer(server=compressed) | run
    wires[0].send(frame(b"\x03\xe8", CLOSE))
    stopping = threading.Thread(target=lambda: FX.StopHTTPServer(server=compressed) | run)
    assert wires[0].silent()
    stopping.start()
    held.set()
    for wire, code in zip(wires, (1000, 1001), strict=True):
        came, close = wire.read_until_close()
        assert [content(each).decode() for each in came] == [text]
        assert close.code == code
    stopping.join()


def test_messages_over_the_limit_are_sent_uncompressed_and_in_order(
    compressed: Any, topic: Any, raw: Raw, held: threading.Event, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(packer, "PACKING_LIMIT", 2 * LONG)
    wire = raw(compressed, **DEFLATE)
    texts = [f"{number}" * LONG for number in range(4)]
    publish(topic, *texts)
    held.set()
    came = [wire.read() for _ in texts]
    assert [content(each).decode() for each in came] == texts
    assert [each.rsv for each in came] == [4, 4, 0, 0]
    # A message that is longer than the limit is packed all the same when no other waits.
    publish(topic, "x" * 3 * LONG)
    assert wire.read().rsv == 4


def test_a_client_that_disconnects_during_compression_leaves_nothing_behind(
    compressed: Any, topic: Any, raw: Raw, held: threading.Event, until: Any
):
    gone, stays = raw(compressed, **DEFLATE), raw(compressed, **DEFLATE)
    publish(topic, "long " * LONG)
    gone.reset()
    assert until(lambda: len(FX.QueryAllConnectedWebsocketClients(http_server=compressed) | run) == 1)
    held.set()
    assert content(stays.read()) == b"long " * LONG
    assert until(lambda: not any(thread.name == "zefnb-packer" for thread in threading.enumerate()))
    [client] = FX.QueryAllConnectedWebsocketClients(http_server=compressed) | run
    assert client["queued"] == 0
    assert client["sent"] == 1
    assert not FX.QueryLog(level="warning") | run


def test_without_a_free_thread_the_loop_compresses(
    compressed: Any, topic: Any, raw: Raw, monkeypatch: pytest.MonkeyPatch
):
    wire = raw(compressed, **DEFLATE)

    class NoThread(UnawaitedThread):
        def start(self) -> None:
            raise RuntimeError("can't start new thread")

    monkeypatch.setattr(packer, "UnawaitedThread", NoThread)
    publish(topic, "long " * LONG, "short")
    assert [content(wire.read()) for _ in range(2)] == [b"long " * LONG, b"short"]


@pytest.mark.parametrize("policy", ["close", "drop_oldest", "drop_newest"])
def test_a_client_that_waits_for_compression_does_not_count_as_slow(
    serve: Any, topic: Any, raw: Raw, held: threading.Event, policy: str
):
    slow = ET.SlowClient(policy=policy, max_bytes=1_000, max_seconds=0.05)
    server = serve({"/ws": ET.WebSocket(clients_subscribe_to=[topic], compression=True, slow_client=slow)})
    wire = raw(server, **DEFLATE)
    texts = [f"{number}" * LONG for number in range(4)]
    publish(topic, *texts)
    assert wire.silent(0.3)
    held.set()
    assert [content(wire.read()).decode() for _ in texts] == texts


def test_a_client_that_does_not_read_compressed_messages_counts_as_slow(serve: Any, topic: Any, raw: Raw, until: Any):
    slow = ET.SlowClient(policy="drop_oldest", max_bytes=200_000)
    server = serve({"/ws": ET.WebSocket(clients_subscribe_to=[topic], compression=True, slow_client=slow)})
    wire = raw(server, receive_buffer=4_096, **DEFLATE)
    noise = random.Random(1)

    def dropped() -> int:
        publish(topic, noise.randbytes(50_000).hex())
        [client] = FX.QueryAllConnectedWebsocketClients(http_server=server) | run
        return client["dropped"] > 20

    until(dropped)
    publish(topic, "the end")
    came = b""
    while came != b"the end":
        came = content(wire.read())
        assert len(came) in (7, 100_000)
