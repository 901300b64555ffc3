"""Keys chosen so that all have one hash: refused in time proportional to the bytes read."""

from __future__ import annotations

import io
import pickle
import time
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from zefnb.core.codec.codec import decode, encode
from zefnb.core.codec.hash_limit import HASH_LIMIT
from zefnb.core.codec.scan import MAX_CHOSEN_HASHES, Undecodable
from zefnb.errors import InvalidValue
from zefnb.store.codec import told

MODULUS = 2**61 - 1  # of Python's hashes of numbers
MANY = 20_000


class Told:
    def __init__(self, *parts: Any) -> None:
        self.parts = parts

    def __reduce__(self) -> Any:
        return told, self.parts


def written(value: Any) -> bytes:
    buffer = io.BytesIO()
    pickler = pickle.Pickler(buffer, 5)
    pickler.fast = True
    pickler.dump(value)
    raw = buffer.getvalue()[2:-1]
    return raw[9:] if raw[:1] == pickle.FRAME else raw


def set_of(*members: Any) -> bytes:
    return b"\x80\x05\x8f(" + b"".join(map(written, members)) + b"\x90."


def dict_of(*keys: Any) -> bytes:
    return b"\x80\x05}(" + b"".join(written(key) + b"N" for key in keys) + b"u."


def one_by_one(*keys: Any) -> bytes:
    return b"\x80\x05}" + b"".join(written(key) + b"Ns" for key in keys) + b"."


def frozen(*members: Any) -> bytes:
    return b"\x80\x05(" + b"".join(map(written, members)) + b"\x91."


def pairs(count: int) -> list[tuple[int, int]]:
    """Pairs of small numbers with one hash: the second number is computed from the first."""
    word, first, second, begin = 2**64, 11400714785074694791, 14029467366897019727, 2870177450012600261
    inverse, found, n = pow(second, -1, word), [], 0
    while len(found) < count:
        n += 1
        mixed = (begin + n * second) % word
        mixed = ((mixed << 31 | mixed >> 33) % word) * first % word
        other = (12345678901234567 - mixed) * inverse % word
        if other < MODULUS:
            found.append((n, other))
    return found


NUMBERS = [number * MODULUS for number in range(1, MANY + 1)]
PAIRS = pairs(MANY)
FORGED = {
    "long ints in a set": lambda: set_of(*NUMBERS),
    "long ints as keys": lambda: dict_of(*NUMBERS),
    "keys one by one": lambda: one_by_one(*NUMBERS),
    "long ints in a frozenset": lambda: frozen(*NUMBERS),
    "tuples of long ints": lambda: set_of(*[(number, "a") for number in NUMBERS]),
    "tuples of short ints": lambda: dict_of(*PAIRS),
    "frozensets": lambda: set_of(*[frozenset({number}) for number in NUMBERS]),
    "decimals": lambda: set_of(*[Told("Decimal", str(number)) for number in NUMBERS]),
    "uuids": lambda: dict_of(*[Told("UUID", str(UUID(int=number))) for number in NUMBERS]),
    "complex numbers": lambda: set_of(*[Told("complex", -1000003.0 * n, float(n)) for n in range(MANY)]),
    "the same key again": lambda: dict_of(*[(1, 2)] * MANY),
}


@pytest.fixture(scope="module")
def usual() -> float:
    """The processor time of as many harmless keys, in seconds."""
    harmless = set_of(*[Told("complex", float(n), float(n)) for n in range(MANY)])
    begun = time.thread_time()
    assert len(decode(harmless)) == MANY
    return time.thread_time() - begun


@pytest.mark.parametrize("kind", FORGED)
def test_keys_with_one_hash_are_refused_before_they_are_compared(kind: str, usual: float):
    stored = FORGED[kind]()
    begun = time.thread_time()
    with pytest.raises(Undecodable, match="have the same hash"):
        decode(stored)
    assert time.thread_time() - begun < 3 * usual


def test_pairs_have_one_hash():
    assert len({hash(pair) for pair in PAIRS}) == 1


def test_the_maximum_of_equal_hashes_is_read_and_written_and_one_more_is_refused():
    others = {(n, "x") for n in range(MAX_CHOSEN_HASHES)}
    allowed = others | {n * MODULUS for n in range(1, HASH_LIMIT + 1)}
    assert decode(encode(allowed)) == allowed
    with pytest.raises(InvalidValue, match="same hash"):
        encode(allowed | {(HASH_LIMIT + 1) * MODULUS})


@pytest.mark.parametrize(
    "value",
    [
        {(x, y): x * y for x in range(60) for y in range(60)},
        {2**n for n in range(3_000)},
        {UUID(int=n * 7**30) for n in range(500)},
        {Decimal(n) / 7 for n in range(500)},
        {frozenset({n, "a"}): {(n, n)} for n in range(500)},
        {complex(a, b) for a in range(-20, 20) for b in range(-20, 20)},
        [{(n, "a"): [n]} for n in range(300)],
    ],
    ids=["a grid", "powers of two", "uuids", "decimals", "frozensets", "complex numbers", "many small dicts"],
)
def test_values_with_accidentally_equal_hashes_round_trip(value):
    assert decode(encode(value)) == value
