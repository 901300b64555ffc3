"""The bounds of the codec, each just below, at and just above the bound."""

from __future__ import annotations

import functools
import operator
from typing import Any

import pytest

from zefnb.core.codec.codec import decode, encode
from zefnb.core.codec.quick import check_size, is_plain, is_tiny
from zefnb.core.codec.scan import (
    BYTES_PER_WEIGHT,
    COPIES_PER_BYTE,
    MAX_CHOSEN_HASHES,
    SPARE_WEIGHT,
    WEIGHT_PER_BYTE,
    Undecodable,
    scan,
)
from zefnb.core.codec.vocabulary import _made_text
from zefnb.errors import InvalidValue

HEAD = b"\x80\x05"


def test_a_quickly_checked_value_has_at_most_as_many_parts_as_bytes():
    check_size([0] * 4, 5)
    check_size([0] * 5, 5)
    check_size([[0, 0], [0]], 5)
    for value in ([0] * 6, [[0, 0], [0, 0]]):
        with pytest.raises(Undecodable):
            check_size(value, 5)


@pytest.mark.parametrize("size", [0, 1, 254, 255])
def test_text_of_every_length_byte_is_plain(size: int):
    stored = HEAD + b"\x8c" + bytes([size]) + b"x" * size + b"."
    assert is_plain(stored)
    assert not is_plain(stored[:-2] + b".") or not size


@pytest.mark.parametrize(("size", "tiny"), [(255, True), (256, True), (257, False)])
def test_a_tiny_value_has_256_bytes_at_most(size: int, tiny: bool):
    stored = HEAD + b"](" + b"N" * (size - 6) + b"e."
    assert len(stored) == size
    assert is_tiny(stored) is tiny


@pytest.mark.parametrize(("count", "tiny"), [(5, True), (6, True), (7, False)])
def test_a_tiny_value_has_six_repeated_parts_at_most(count: int, tiny: bool):
    assert is_tiny(HEAD + b"])\x94" + b"h\x00" * count + b".") is tiny


@pytest.mark.parametrize("copied", [False, True])
def test_the_weight_of_a_value_has_a_limit(copied: bool):
    """The parts are repeated so often that the weight is exactly the limit; one more part is refused."""
    per_byte = COPIES_PER_BYTE if copied else WEIGHT_PER_BYTE

    def made(repeated: int, more: int) -> bytes:
        part = b"](" + b"N" * 100 + b"e\x94" if copied else b"(" + b"N" * 100 + b"t\x94"
        return HEAD + b"](" + part + b"h\x00" * repeated + b"N" * more + b"e."

    def weight(repeated: int, more: int) -> int:
        return 1 + 101 * (repeated + 1) + more

    def limit(repeated: int, more: int) -> int:
        return SPARE_WEIGHT + per_byte * len(made(repeated, more))

    exact = [(n, more) for n in range(150, 400) for more in range(2_000) if weight(n, more) == limit(n, more)]
    repeated, more = exact[0]
    scan(made(repeated - 1, more))
    scan(made(repeated, more))
    with pytest.raises(Undecodable, match="repeated so often"):
        scan(made(repeated + 1, more))


@pytest.mark.parametrize("size", [BYTES_PER_WEIGHT - 1, BYTES_PER_WEIGHT, BYTES_PER_WEIGHT + 1])
def test_text_of_the_length_that_has_a_weight_is_read(size: int):
    for value in (["x" * size, {1}], [b"x" * size, {1}], [bytearray(b"x" * size)]):
        assert decode(encode(value)) == value


@pytest.mark.parametrize("code", [b"\x8c", b"C"], ids=["text", "bytes"])
@pytest.mark.parametrize(("size", "fits"), [(63, True), (64, False), (65, False)])
def test_text_and_bytes_have_a_weight_of_their_own_from_64_bytes_on(code: bytes, size: int, fits: bool):
    """A tuple of a hundred references to it, repeated so often that this weight decides."""
    content = code + bytes([size]) + b"x" * size + b"\x94"
    stored = HEAD + b"](" + content + b"(" + b"h\x00" * 100 + b"t\x94" + b"h\x01" * 200 + b"e."
    if fits:
        scan(stored)
        return
    with pytest.raises(Undecodable, match="repeated so often"):
        scan(stored)


@pytest.mark.parametrize(("count", "many"), [(-1, False), (0, False), (1, True)])
def test_so_many_keys_may_have_chosen_hashes(count: int, many: bool):
    keys = [(number,) for number in range(MAX_CHOSEN_HASHES + count)]
    assert scan(encode(dict.fromkeys(keys))).has_chosen_hashes is many
    assert scan(encode(set(keys))).has_chosen_hashes is many
    assert decode(encode(dict.fromkeys(keys))) == dict.fromkeys(keys)


@pytest.mark.parametrize("size", [99, 100])
def test_text_of_a_time_has_100_characters_at_most(size: int):
    assert _made_text("x" * size) == "x" * size
    with pytest.raises(InvalidValue, match="text of 100 characters at most"):
        _made_text("x" * 101)


def test_a_union_has_100_types_at_most():
    members: list[Any] = [tuple[(int,) * number] for number in range(1, 102)]  # type: ignore[misc]
    for count in (99, 100):
        union = functools.reduce(operator.or_, members[:count])
        assert decode(encode(union)) == union
    with pytest.raises(InvalidValue, match="a union of 101 types"):
        encode(functools.reduce(operator.or_, members))
