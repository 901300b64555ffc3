"""The bounds of a key: its parts and its bytes, each just below, at and just above the bound."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from zefnb import ET, FX, DictDatabase, run
from zefnb.core.codec.codec import encode
from zefnb.errors import InvalidValue, StorageFailed
from zefnb.store.key import LONGEST_KEY, MOST_KEY_PARTS, canonical_key, checked_key

# Each makes a key of so many parts.
PARTS: dict[str, Any] = {
    "tuple": lambda parts: tuple(range(parts)),
    "frozenset": lambda parts: frozenset(range(parts)),
    "nested": lambda parts: (tuple(range(parts // 2)), frozenset(range(parts - parts // 2 - 2))),
    "entity": lambda parts: ET.Place(at=tuple(range(parts - 1))),
    "entities": lambda parts: tuple(ET.Place(at=n) for n in range(parts // 2)) + (0,) * (parts % 2),
    "repeated": lambda parts: ((0,) * 99,) * (parts // 100) + (0,) * (parts % 100),
}
# Each makes a key of so many bytes; what is stored has one byte for the kind.
BYTES: dict[str, Any] = {
    "text": lambda size: "x" * (size - 1),
    "long characters": lambda size: "🍃" * ((size - 1) // 4) + "x" * ((size - 1) % 4),
    "bytes": lambda size: bytes(size - 1),
    "an int": lambda size: 16 ** (size - 1) - 1,
    "a text in a tuple": lambda size: ("x" * (size - 2 - len(f"{size - 10}:")),),
}


@pytest.fixture(params=["memory", "file"])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    given = {} if request.param == "memory" else {"path": str(tmp_path / "keys.db"), "persistence": "local_disk"}
    return FX.CreateDB(type=DictDatabase, **given) | run


@pytest.mark.parametrize("kind", PARTS)
def test_a_key_has_this_many_parts_at_most(kind: str, db: Any):
    for parts in (MOST_KEY_PARTS - 1, MOST_KEY_PARTS):
        db[PARTS[kind](parts)] = parts
        assert db[PARTS[kind](parts)] == parts
    with pytest.raises(InvalidValue, match=r"key: it has more than 10,000 parts; allowed: 10,000 parts at most"):
        db[PARTS[kind](MOST_KEY_PARTS + 1)] = 1
    assert len(db) == 2


@pytest.mark.parametrize("kind", BYTES)
def test_a_key_has_this_many_bytes_at_most(kind: str, db: Any):
    for size in (LONGEST_KEY - 1, LONGEST_KEY):
        assert len(canonical_key(BYTES[kind](size))) == size
        db[BYTES[kind](size)] = size
        assert db[BYTES[kind](size)] == size
    with pytest.raises(InvalidValue, match=r"key: it takes 1,048,577 bytes; allowed: 1,048,576 bytes at most"):
        db[BYTES[kind](LONGEST_KEY + 1)] = 1
    assert len(db) == 2


@pytest.mark.parametrize("use", ["read", "write", "in", "get", "pop", "delete", "update", "query"])
def test_every_use_of_a_key_that_is_too_large_is_refused(use: str, db: Any):
    key = tuple(range(MOST_KEY_PARTS + 1))
    uses: dict[str, Any] = {
        "read": lambda: db[key],
        "write": lambda: db.__setitem__(key, 1),
        "in": lambda: key in db,
        "get": lambda: db.get(key),
        "pop": lambda: db.pop(key, None),
        "delete": lambda: db.__delitem__(key),
        "update": lambda: FX.UpdateDB(db=db, update={key: 1}) | run,
        "query": lambda: FX.QueryDB(db=db, get=key) | run,
    }
    with pytest.raises(InvalidValue, match="it has more than 10,000 parts"):
        uses[use]()


@pytest.mark.parametrize("make", [tuple, frozenset, lambda numbers: ET.Place(at=tuple(numbers))])
def test_refusing_a_key_takes_no_longer_than_reading_its_first_parts(make: Any):
    small, large = make(range(20_000)), make(range(2_000_000))

    def cost(key: Any) -> float:
        began = time.thread_time()
        with pytest.raises(InvalidValue):
            checked_key(key)
        return time.thread_time() - began

    assert min(cost(large) for _ in range(5)) < 20 * min(cost(small) for _ in range(5))


def test_a_file_with_such_a_key_is_refused_with_its_path(tmp_path: Path):
    path = tmp_path / "large.db"
    db = FX.CreateDB(type=DictDatabase, path=str(path), persistence="local_disk") | run
    db["small"] = 1
    FX.CloseDB(db=db) | run
    with sqlite3.connect(path) as connection:
        key = encode(tuple(range(MOST_KEY_PARTS + 1)))
        connection.execute("INSERT INTO entries (key, name, value) VALUES (?, ?, ?)", (b"(", key, encode(1)))
    connection.close()
    db = FX.CreateDB(type=DictDatabase, path=str(path), persistence="local_disk") | run
    with pytest.raises(StorageFailed, match=r"large\.db: a key cannot be read"):
        list(db)
    assert db["small"] == 1
