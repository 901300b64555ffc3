"""Generated stored bytes: refused before anything is built from them, and never larger than what was read."""

from __future__ import annotations

import io
import pickle
import random
import re
import resource
import struct
import time
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from zefnb import ET, F, Time
from zefnb.core.codec.codec import MOST_TYPES, decode, encode
from zefnb.core.codec.quick import is_plain, is_tiny
from zefnb.core.codec.scan import DEEPEST, Undecodable, scan
from zefnb.core.entity import EntityType
from zefnb.errors import InvalidValue
from zefnb.ops import map as map_
from zefnb.ops import take, trim
from zefnb.store.codec import told
from zefnb.store.key import key_name

HEAD = b"\x80\x05"
TOLD = b"\x8c\x11zefnb.store.codec\x8c\x04told\x93\x94"


def doubled(first: bytes, joined: bytes, times: int) -> bytes:
    """A value whose parts each refer to the previous one twice."""
    steps = b"".join(b"\x94" + joined.replace(b"?", bytes([n])) for n in range(times))
    return HEAD + first + steps + b"."


DOUBLED = {
    "lists": HEAD + b"]\x94" + b"".join(b"](h%ch%ce\x94" % (n, n) for n in range(30)) + b".",
    "tuples": doubled(b")", b"h?\x86", 60),
    "frozensets": doubled(b"K\x01\x85", b"h?\x86", 60)[:-1] + b"\x85\x94(h\x01\x91.",
    "a tuple as a key": doubled(b")", b"h?\x86", 60)[:-1] + b"\x94}h\x3cK\x01s\x86.",
}


NESTED = {
    "lists": lambda depth: HEAD + b"]" * depth + b"a" * (depth - 1) + b".",
    "lists with marks": lambda depth: HEAD + b"](" * (depth - 1) + b"]" + b"e" * (depth - 1) + b".",
    "dicts": lambda depth: HEAD + b"}K\x01" * (depth - 1) + b"}" + b"s" * (depth - 1) + b".",
    "tuples": lambda depth: HEAD + b")" + b"\x85" * depth + b".",
    "tuples with marks": lambda depth: HEAD + b"(" * depth + b"t" * depth + b".",
    "frozensets": lambda depth: HEAD + b"(" * depth + b"\x91" * depth + b".",
    "a key": lambda depth: HEAD + b"}" + b")" + b"\x85" * (depth - 1) + b"K\x01s.",
    "parts of parts": lambda depth: (
        HEAD + TOLD + b"h\x00" * (depth - 1) + b"h\x00)R" + b"\x85R" * (depth - 1) + b"\x86."
    ),
}


@pytest.mark.parametrize("kind", NESTED)
@pytest.mark.parametrize("depth", [DEEPEST + 1, 1_000, 100_000])
def test_a_value_nested_too_deeply_is_refused(kind, depth):
    with pytest.raises(Undecodable) as caught:
        decode(NESTED[kind](depth))
    assert "deep" not in str(caught.value) or "if an earlier zefnb wrote it, read it with that version" in str(
        caught.value
    )


@pytest.mark.parametrize("kind", [kind for kind in NESTED if kind != "parts of parts"])
@pytest.mark.parametrize("depth", [1, DEEPEST - 1, DEEPEST])
def test_a_value_nested_to_the_limit_is_read(kind, depth):
    decode(NESTED[kind](depth))


def nested_far(around: Callable[[Any], Any]) -> Any:
    value: Any = 1
    for _ in range(100_000):
        value = around(value)
    return value


@pytest.mark.parametrize("around", [lambda value: [value], lambda value: {"a": value}, lambda value: (value, 1.5)])
def test_a_written_value_can_be_read_and_an_unreadable_one_is_refused_at_once(around):
    value: Any = 1
    for _ in range(DEEPEST):
        value = around(value)
    assert decode(encode(value)) == value
    # The writer itself refuses a value of which reading would exhaust the stack; the words are the same.
    for deep in (around(value), nested_far(around)):
        with pytest.raises(InvalidValue, match=rf"nested too deeply \(more than {DEEPEST} containers\)"):
            encode(deep)


@pytest.mark.parametrize("kind", DOUBLED)
def test_parts_that_refer_to_one_another_repeatedly_are_refused(kind):
    with pytest.raises(Undecodable):
        decode(DOUBLED[kind])


@pytest.mark.parametrize("forged", [b"]\x94h\x00a.", b"}\x94K\x01h\x00s.", b"]\x94(h\x00K\x01e.", b"]\x94h\x00\x85a."])
@pytest.mark.parametrize("padding", [b"", b"\x8c\xffx" + b"x" * 254, b"C\xff" + b"x" * 255])
def test_a_value_that_contains_itself_is_refused(forged, padding):
    with pytest.raises(Undecodable):
        decode(HEAD + (b"(" + padding + forged[:-1] + b"t." if padding else forged))


@pytest.mark.parametrize("size", [1 << 20, 2_000_000_000, (1 << 63) - 1, (1 << 64) - 1])
@pytest.mark.parametrize("code", [b"\x96", b"\x8e", b"\x8d", b"\x95"])
def test_a_length_beyond_the_end_is_refused_and_allocates_no_memory(code, size):
    tracemalloc.start()
    with pytest.raises(Undecodable):
        decode(HEAD + code + struct.pack("<Q", size) + b"x" * 45 + b".")
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


@pytest.mark.parametrize("code", [b"B", b"X", b"\x8b"])
def test_a_short_length_beyond_the_end_is_refused(code):
    for content, fits in ((b"x" * 299, False), (b"x" * 300, True), (b"x" * 301, False)):
        read = HEAD + code + struct.pack("<I", 300) + content + b"."
        if fits:
            decode(read)
        else:
            with pytest.raises(Undecodable):
                decode(read)


@pytest.mark.parametrize(
    "put", [b"r" + struct.pack("<I", 200_000_000), b"q\x05", b"p200000000\n", b"j\xff\xff\xff\xff", b"h\x01", b"g0\n"]
)
def test_a_reference_to_a_missing_part_is_refused(put):
    tracemalloc.start()
    with pytest.raises(Undecodable):
        decode(HEAD + b"K\x01" + put + b"\x86.")
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


WRITTEN = set(b"N\x88\x89)KMJG\x95\x8cXB\x8d\x8eC\x96\x8a\x8bhj]}\x8f\x90\x91aeus(t\x85\x86\x87R\x93\x94.\x80")


@pytest.mark.parametrize("code", sorted(set(range(256)) - WRITTEN))
def test_an_unknown_instruction_is_refused(code):
    for begin in (b"", b"K\x01", b"]", b"(", b"X\x2c\x01\x00\x00" + b"x" * 300):
        with pytest.raises(Undecodable):
            decode(HEAD + begin + bytes([code]) + b"\x00\n" * 9 + b".")


@pytest.mark.parametrize(
    "name",
    [
        "A\x1b[31m",
        "A\n",
        "A; import os",
        "A()",
        "A b",
        "A.b",
        "A'",
        "ＡＢ",
        "a",
        "_A",
        "__class__",
        "",
        "A" * 201,
        5,
        None,
    ],
)
def test_an_entity_type_with_an_invalid_name_is_refused(name):
    for parts in (("entity", name, None, {}), ("entity type", name)):
        with pytest.raises(Undecodable) as caught:
            decode(forged(parts))
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 400


def test_the_longest_name_of_a_type_is_read():
    assert decode(encode(getattr(ET, "A" * 200)(x=1))).x == 1
    with pytest.raises(InvalidValue, match="200 characters"):
        getattr(ET, "A" * 201)


@pytest.mark.parametrize("name", ["\x1b[2J", "a\nb", "\u202eb"])
def test_a_field_or_uid_that_is_not_printable_is_shown_escaped(name):
    guest = decode(forged(("entity", "Guest", name, {name: 1})))
    assert repr(guest).isprintable()
    with pytest.raises(AttributeError) as caught:
        guest.missing  # noqa: B018
    assert str(caught.value).isprintable()
    assert key_name(guest).isprintable()


def test_types_known_only_from_a_file_are_freed_with_the_last_value():
    import gc

    value = decode(forged(("entity", "NamedByAFileOnly", None, {})))
    assert "NamedByAFileOnly" in dir(ET)
    assert isinstance(type(value), EntityType)
    del value
    gc.collect()
    assert "NamedByAFileOnly" not in dir(ET)


@pytest.mark.parametrize(
    "parts",
    [
        ("bytes", 2_000_000_000),
        ("array", 2_000_000_000),
        ("Time", 5),
        ("Time", "1" * 1_000_000),
        ("type union", *[("generic", list, (n,)) for n in range(200)]),
    ],
    ids=["bytes", "array", "a number for a time", "a long text for a time", "a union of many types"],
)
def test_parts_that_expand_to_more_than_they_announce_are_refused(parts):
    with pytest.raises(Undecodable):
        decode(forged(parts))


@pytest.mark.parametrize(("types", "kept"), [(MOST_TYPES - 1, True), (MOST_TYPES, True), (MOST_TYPES + 1, False)])
def test_a_value_has_entities_of_a_thousand_types_at_most(types, kept):
    value = [getattr(ET, f"Of{n}")(n=n) for n in range(types)]
    stored = pickle.dumps([Forged("entity", f"Of{n}", None, {}) for n in range(types)], protocol=5)
    if kept:
        assert decode(encode(value)) == value
        assert len(decode(stored)) == types
    else:
        with pytest.raises(InvalidValue, match="too many types"):
            encode(value)
        with pytest.raises(Undecodable, match="types"):
            decode(stored)


class Forged:
    """Pickled as what the codec makes of those parts."""

    def __init__(self, *parts: Any) -> None:
        self.parts = parts

    def __reduce__(self) -> Any:
        return told, self.parts


def forged(parts: tuple[Any, ...]) -> bytes:
    return pickle.dumps(Forged(*parts), protocol=5)


def test_parts_with_valid_references_round_trip():
    guest = ET.Guest(name="Ada" * 50, tags=("a", ("b", "c")), at=Time(0), **{f"f{n}": n for n in range(20)})
    step = F.name | take(3)
    for value in (
        [guest] * 10_000,
        [step, step | trim, map_(step)] * 50,
        ["long" * 1_000] * 3_000,
        [(1, (2, 3))] * 999,
    ):
        assert decode(encode(value)) == value


def test_a_part_that_is_a_list_in_two_places_is_two_lists():
    for padding in (b"N", b"C\xff" + b"x" * 255):
        one, other = decode(HEAD + b"(" + padding + TOLD + b"]\x94h\x01\x87t.")[1][1:]
        assert one == other == []
        assert one is not other


EXAMPLES = [
    encode(value)
    for value in (
        {"name": "Ada", "n": 12, "tags": ["a", "b"], "at": Time(0)},
        [ET.Guest(name="Ada", tags={1, 2}), ET.Guest(name="Bob")] * 3,
        [{"name": f"guest {n}", "n": n, "x": n / 3} for n in range(20)],
        (1, ("two", b"three", bytearray(b"four"), frozenset({5})), 2**70, "x" * 300),
        F.name | trim | take(3),
        "text",
    )
]


def mutated(chance: random.Random) -> bytes:
    """One of the examples with bytes changed, cut, doubled, or pieces of another in it."""
    bytes_ = bytearray(chance.choice(EXAMPLES))
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(bytes_) + 1)
        match chance.randrange(5):
            case 0 if at < len(bytes_):
                bytes_[at] = chance.randrange(256)
            case 1:
                del bytes_[at : at + chance.randint(1, 9)]
            case 2:
                other = chance.choice(EXAMPLES)
                begin = chance.randrange(len(other))
                bytes_[at:at] = other[begin : begin + chance.randint(1, 60)]
            case 3:
                bytes_[at:at] = bytes(chance.choice(sorted(WRITTEN)) for _ in range(chance.randint(1, 9)))
            case 4:
                bytes_[at:at] = bytes_[max(0, at - 20) : at] * chance.randint(1, 40)
    return bytes(bytes_)


def test_ten_thousand_mutations_are_refused_or_read_without_harm():
    chance = random.Random(1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    slowest = 0.0
    for _ in range(10_000):
        begun = time.process_time()
        with suppress(Undecodable):
            decode(mutated(chance))
        slowest = max(slowest, time.process_time() - begun)
    assert slowest < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


def test_values_that_pass_the_quick_checks_are_no_larger_than_their_bytes():
    chance = random.Random(2)
    let_through = 0
    for _ in range(10_000):
        stored = mutated(chance)
        if is_tiny(stored) or is_plain(stored):
            with suppress(Undecodable):
                value = decode(stored)
                let_through += 1
                assert len(repr(value)) < 100 * len(stored) + 1_000
    assert let_through > 20


def test_an_older_pickle_of_plain_data_is_refused_or_read():
    for protocol in range(6):
        buffer = io.BytesIO()
        pickle.Pickler(buffer, protocol).dump({"a": [1, 2.5]})
        if protocol < 4:
            with pytest.raises(Undecodable):
                decode(buffer.getvalue())
        else:
            assert decode(buffer.getvalue()) == {"a": [1, 2.5]}


def test_a_reference_to_a_part_beyond_the_first_256_is_read():
    parts = [(number, "part") for number in range(300)]
    stored = pickle.dumps([parts, parts[255:258], parts[299]], protocol=5)
    assert re.search(rb"j.\x01\x00\x00", stored, re.DOTALL)
    scan(stored)
    assert decode(stored) == [parts, parts[255:258], parts[299]]


def test_a_length_ends_before_the_last_instruction():
    text = b"a" * 100
    scan(HEAD + b"\x8c\x64" + text + b".")
    for length in (b"\x65", b"\xff"):
        with pytest.raises(Undecodable, match=f"declares {length[0]} bytes"):
            scan(HEAD + b"\x8c" + length + text + b".")
