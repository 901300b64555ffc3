"""Compression: negotiated on request, mixed with plain clients, and bounded when it expands."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from tests.net.conftest import peak_memory
from tests.net.wire import BINARY, CONT, PING, PONG, TEXT, Wire, frame
from zefnb import ET, FX, run
from zefnb.net.websocket import packer

Raw = Callable[..., Wire]
DEFLATE = {"Sec_WebSocket_Extensions": "permessage-deflate; client_no_context_takeover; server_no_context_takeover"}


def deflated(payload: bytes) -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


@pytest.fixture
def compressed_chat(serve: Any, topic: Any) -> Any:
    return serve(
        {
            "/ws": ET.WebSocket(
                clients_subscribe_to=[topic], clients_push_into_=[topic], compression=True, max_size=1 << 16
            )
        }
    )


def test_compression_is_negotiated_when_the_client_offers_it(compressed_chat: Any, chat: Any, connect: Any):
    client = connect(compressed_chat, compression="deflate")
    assert [extension.name for extension in client.protocol.extensions] == ["permessage-deflate"]
    assert connect(chat, compression="deflate").protocol.extensions == []


def test_compressed_and_plain_clients_receive_a_compressed_message_in_one_order(
    compressed_chat: Any, topic: Any, connect: Any, raw: Raw
):
    crowd = [connect(compressed_chat, compression="deflate" if number % 2 else None) for number in range(6)]
    plain = raw(compressed_chat)
    expected: list[str | bytes] = []
    for number in range(60):
        if number % 3 == 0:
            expected.append(f"published {number}")
            FX.Publish(target=topic, content=expected[-1]) | run
        else:
            expected.append(f"said {number} " * 40 if number % 2 else str(number).encode() * 200)
            crowd[number % 6].send(expected[-1])
        assert [client.recv(timeout=20) for client in crowd] == [expected[-1]] * 6
        assert not plain.read().rsv
    for number in range(200):
        FX.Publish(target=topic, content=str(number)) | run
    for client in crowd:
        assert [client.recv(timeout=20) for _ in range(200)] == [str(number) for number in range(200)]


def test_compressed_fragments_form_one_message(compressed_chat: Any, raw: Raw):
    wire = raw(compressed_chat, **DEFLATE)
    packed = deflated(b"compressed " * 100)
    wire.send(frame(packed[:5], rsv=4, fin=False), frame(b"", PING), frame(packed[5:], CONT))
    assert wire.read().opcode == PONG
    came = wire.read()
    assert (came.opcode, came.rsv) == (TEXT, 4)
    assert zlib.decompressobj(-15).decompress(came.payload + b"\0\0\xff\xff") == b"compressed " * 100


def test_a_zip_bomb_is_refused_before_it_is_decompressed(compressed_chat: Any, raw: Raw):
    bomb = deflated(bytes(64 << 20))
    assert len(bomb) < 1 << 16
    whole, fragments = raw(compressed_chat, **DEFLATE), raw(compressed_chat, **DEFLATE)
    with peak_memory() as peak:
        whole.send(frame(bomb, BINARY, rsv=4))
        fragments.send(frame(bomb[:9], BINARY, rsv=4, fin=False), frame(bomb[9:], CONT))
        assert whole.read_close().code == 1009
        assert fragments.read_close().code == 1009
        assert peak() < 2 << 20


def test_invalid_compressed_data_is_refused(compressed_chat: Any, raw: Raw):
    broken, not_text = raw(compressed_chat, **DEFLATE), raw(compressed_chat, **DEFLATE)
    broken.send(frame(b"\xff\xff\xff\xff", rsv=4))
    assert broken.read_close().code == 1002
    not_text.send(frame(deflated(b"\xff\xff"), rsv=4))
    assert not_text.read_close().code == 1007


def test_a_broadcast_is_compressed_once_for_all_clients_with_the_same_window(
    compressed_chat: Any, topic: Any, raw: Raw, monkeypatch: pytest.MonkeyPatch
):
    packings: list[int] = []
    pack = packer.packed

    def counted(payload: bytes, window_bits: int = 15) -> bytes:
        packings.append(window_bits)
        return pack(payload, window_bits)

    monkeypatch.setattr(packer, "packed", counted)
    narrow = {"Sec_WebSocket_Extensions": "permessage-deflate; server_max_window_bits=10"}
    wires = [raw(compressed_chat, **(narrow if number % 4 == 0 else DEFLATE)) for number in range(20)]
    text = "the same for everybody " * 1_000
    FX.Publish(target=topic, content=text) | run
    for number, wire in enumerate(wires):
        came = wire.read()
        bits = 10 if number % 4 == 0 else 15
        assert zlib.decompressobj(-bits).decompress(came.payload + b"\0\0\xff\xff") == text.encode()
    assert sorted(packings) == [10, 15]


def test_no_context_is_kept_between_messages_in_either_direction(compressed_chat: Any, connect: Any):
    client = connect(compressed_chat, compression="deflate")
    (agreed,) = client.protocol.extensions
    assert agreed.remote_no_context_takeover
    assert agreed.local_no_context_takeover
    for text in ("again and again " * 50, "again and again " * 50):
        client.send(text)
        assert client.recv(timeout=20) == text


def test_a_window_that_zlib_does_not_support_is_declined(compressed_chat: Any, topic: Any, raw: Raw):
    wire = raw(compressed_chat, Sec_WebSocket_Extensions="permessage-deflate; server_max_window_bits=8")
    FX.Publish(target=topic, content="plain") | run
    came = wire.read()
    assert (came.payload, came.rsv) == (b"plain", 0)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 65_537, 300_000])
def test_a_compressed_message_of_every_length_round_trips(compressed_chat: Any, topic: Any, connect: Any, size: int):
    client = connect(compressed_chat, compression="deflate")
    for content in (random.Random(size).randbytes(size), "x" * size):
        FX.Publish(target=topic, content=content) | run
        assert client.recv(timeout=20) == content
