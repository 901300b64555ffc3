"""Frames: building a server's frames and measuring a client's."""

from __future__ import annotations

import runpy
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from tests.net.wire import frame
from zefnb.net.websocket import frames
from zefnb.net.websocket.frames import BINARY, TEXT, Head, apply_mask, build, head_of

LENGTHS = [0, 1, 125, 126, 127, 65_535, 65_536, 1 << 20]


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_frame_has_the_same_bytes_as_that_of_another_library(length: int, opcode: int):
    payload = b"x" * length
    assert build(opcode, payload) == Frame(Opcode(opcode), payload).serialize(mask=False)


@pytest.mark.parametrize("length", LENGTHS)
def test_a_header_gives_the_start_and_the_end_of_the_payload(length: int):
    whole = frame(b"x" * length)
    head = head_of(whole)
    assert head == Head(len(whole) - length, length, True)
    assert head_of(memoryview(whole)) == head


@pytest.mark.parametrize("length", LENGTHS)
def test_a_head_that_is_cut_short_is_never_guessed(length: int):
    whole = frame(b"x" * length)
    needed = {0: 2, 1: 4, 2: 10}[(length > 125) + (length > 65_535)]
    assert all(head_of(whole[:size]) is None for size in range(needed))
    assert head_of(whole[:needed]) == head_of(whole)


def test_a_length_of_eight_bytes_is_read_to_its_last_bit():
    assert head_of(b"\x82\xff" + b"\xff" * 8) == Head(14, 2**64 - 1, True)


@given(st.binary(max_size=70), st.binary(min_size=4, max_size=4))
def test_a_mask_is_removed_from_any_bytes_like_object(payload: bytes, mask: bytes):
    expected = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
    assert apply_mask(memoryview(payload), memoryview(mask)) == expected
    assert apply_mask(payload, mask) == expected


def test_the_fallback_without_the_compiled_function_removes_the_same_mask(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "websockets.speedups", None)
    plain = runpy.run_path(frames.__file__)["apply_mask"]
    assert plain is not apply_mask
    assert plain(memoryview(b"hello"), memoryview(b"abcd")) == apply_mask(b"hello", b"abcd")
