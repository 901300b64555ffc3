"""Ops for bytes: from the content of a binary frame in topic mode, and back."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zefnb.core.types import Array1, ByteArray, u8
from zefnb.errors import InvalidValue
from zefnb.ops import array_to_bytes, bytes_to_array, collect

calm = settings(deadline=None)


@calm
@given(st.binary())
def test_there_and_back(content):
    frame = content | bytes_to_array | collect
    assert isinstance(frame, Array1[u8])
    assert frame == content
    back = frame | array_to_bytes | collect
    assert type(back) is bytes
    assert back == content


@calm
@given(st.binary())
def test_every_kind_of_bytes_and_every_list_of_numbers_is_accepted(content):
    for kind in (bytes, bytearray, memoryview, ByteArray, list, tuple, iter, lambda c: array("q", list(c))):
        assert kind(content) | array_to_bytes | collect == content


@pytest.mark.parametrize("op", [array_to_bytes, bytes_to_array])
@pytest.mark.parametrize("wrong", ["text", "", 5, None, [256], [-1], [1.5], ["a"], {1, 2}, {1: 2}, [[1], [2]]])
def test_anything_else_is_refused_by_name(op, wrong):
    with pytest.raises(InvalidValue, match=rf"{op!r}: value: got .*; allowed: Array1\[u8\], bytes or numbers 0 to 255"):
        wrong | op | collect
