"""Decompression in steps: the same bytes as at once, and never more than allowed."""

from __future__ import annotations

import hashlib
import random
import tracemalloc
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode

from zefnb.net.websocket.deflate import STEP, SteppedDeflate


def agreed(*, takeover: bool = True) -> SteppedDeflate:
    return SteppedDeflate(PerMessageDeflate(not takeover, not takeover, 15, 15))


def packed(payload: bytes, packer: zlib._Compress | None = None) -> bytes:
    packer = packer or zlib.compressobj(9, zlib.DEFLATED, -15)
    return (packer.compress(payload) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]


def unpacked(extension: SteppedDeflate, data: bytes, *cuts: int, limit: int = 1 << 30) -> bytes:
    """Return a message whose compressed bytes are in fragments, cut at these places."""
    places = [0, *sorted(cuts), len(data)]
    whole = bytearray()
    for number in range(len(places) - 1):
        last = number == len(places) - 2
        piece = data[places[number] : places[number + 1]]
        first = (0x00 if number else 0x40 | Opcode.BINARY) | (0x80 if last else 0)
        for step in extension.unpack(first, piece, limit - len(whole)):
            assert len(step) <= STEP
            whole += step
    return bytes(whole)


payloads = st.binary(max_size=300) | st.builds(
    lambda byte, times: byte * times, st.binary(min_size=1, max_size=3), st.sampled_from([1, 21_845, 65_536, 70_000])
)


@given(st.lists(payloads, min_size=1, max_size=4), st.booleans(), st.data())
@settings(deadline=None, max_examples=100)
def test_fragmented_compressed_messages_round_trip(messages: list[bytes], takeover: bool, data: st.DataObject):
    extension = agreed(takeover=takeover)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15) if takeover else None
    for message in messages:
        said = packed(message, packer)
        cuts = data.draw(st.lists(st.integers(0, len(said)), max_size=3))
        assert unpacked(extension, said, *cuts) == message


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 131_072, 1 << 20])
def test_a_limit_is_a_limit_to_the_byte(size: int):
    message = b"\0" * size
    assert unpacked(agreed(), packed(message), limit=size) == message
    with pytest.raises(PayloadTooBig):
        unpacked(agreed(), packed(message + b"\0"), limit=size)


def test_a_bomb_is_not_there_twice():
    bomb = packed(bytes(64 << 20))
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        with pytest.raises(PayloadTooBig):
            unpacked(agreed(), bomb, limit=1 << 20)
        assert tracemalloc.get_traced_memory()[1] - before < 2 << 20
    finally:
        tracemalloc.stop()


def test_control_frames_pass_and_invalid_compressed_data_is_refused():
    extension = agreed()
    frame = Frame(Opcode.PING, b"p")
    assert extension.decode(frame) is frame
    with pytest.raises(ProtocolError):
        list(extension.unpack(0xC1, b"\xff\xff\xff\xff", 100))


@pytest.mark.parametrize("level", [0, 9])
def test_a_long_payload_is_unpacked_piece_by_piece(level: int):
    """The rest is not copied at each step."""
    message = random.Random(1).randbytes(8 << 20)
    packer = zlib.compressobj(level, zlib.DEFLATED, -15)
    said = (packer.compress(message) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]
    steps = agreed().unpack(0xC2, said, len(message))
    tracemalloc.start()
    try:
        digest = hashlib.sha256()
        for step in steps:
            digest.update(step)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
    assert digest.digest() == hashlib.sha256(message).digest()
