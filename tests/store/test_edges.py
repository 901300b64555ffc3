"""The bounds of keys and of the table, each just below, at and just above the bound."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.store.on_disk import closed, opened
from zefnb.core.codec.hash_limit import HASH_LIMIT
from zefnb.errors import InvalidValue, StorageFailed
from zefnb.store import table
from zefnb.store.key import canonical_key, key_name

MODULUS = 2**61 - 1  # of Python's hashes of numbers


def test_the_name_of_a_key_has_80_characters_at_most():
    assert key_name("x" * 78) == repr("x" * 78)
    assert len(key_name("x" * 79)) == len(key_name("x" * 1_000)) == 80


def test_a_key_that_differs_from_its_plain_form_is_refused():
    """A UUID is converted to text, to which it is not equal."""
    with pytest.raises(InvalidValue, match="key: got UUID"):
        canonical_key(uuid.uuid4())


def test_sets_are_equal_keys_whatever_their_order():
    some = frozenset(range(50))
    assert canonical_key(some) == canonical_key(frozenset(reversed(range(50)))) != canonical_key(some | {50})


@pytest.mark.parametrize(("rows", "fits"), [(1, True), (2, True), (3, False)])
def test_rows_are_counted_only_up_to_the_most_that_the_file_can_have(
    path: Any, monkeypatch: pytest.MonkeyPatch, rows: int, fits: bool
):
    closed(opened(path, initial_state={f"n{number}": number for number in range(rows)}))
    # A file of this size can have two rows.
    monkeypatch.setattr(table, "_SMALLEST_ROW", path.stat().st_size // 2)
    db = opened(path)
    if fits:
        assert len(db) == rows
        return
    with pytest.raises(StorageFailed, match="more rows than a file of its size can have"):
        len(db)


def test_keys_of_a_file_that_have_one_hash_are_refused_when_they_are_listed(path):
    db = opened(path)
    db.update({n * MODULUS: n for n in range(1, HASH_LIMIT + 1)})
    assert len(dict(db)) == HASH_LIMIT
    db[(HASH_LIMIT + 1) * MODULUS] = 1
    assert db[MODULUS] == 1
    with pytest.raises(StorageFailed, match="same hash"):
        list(db)
