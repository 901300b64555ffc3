"""The common behaviour of both stores, below the handle."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from zefnb.store.memory import MemoryStore
from zefnb.store.sqlite import SQLiteStore


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path):
    store = MemoryStore() if request.param == "memory" else SQLiteStore(str(tmp_path / "a.db"))
    yield store
    store.close()


def put(store: Any, key: Any, value: Any) -> None:
    stored = store.stored(key, value)
    store.write(lambda table: table.__setitem__(key, stored))


def test_a_missing_key_is_a_plain_key_error(store):
    with pytest.raises(KeyError) as caught:
        store.get("a")
    assert type(caught.value) is KeyError
    assert caught.value.args == ("a",)


def test_the_first_keys_are_the_oldest(store):
    for key in "zyx":
        put(store, key, 1)
    assert store.keys() == ["z", "y", "x"]
    assert store.keys(2) == ["z", "y"]
    assert (len(store), "y" in store, "a" in store) == (3, True, False)


def test_a_transaction_sees_a_table_like_a_dict(store):
    put(store, "a", 1)
    put(store, "b", 2)
    assert store.write(list) == ["a", "b"]
    assert store.write(lambda table: ("a" in table, "c" in table, len(table))) == (True, False, 2)
    assert store.restored("b", store.write(lambda table: table.popitem()[1])) == 2
    with pytest.raises(KeyError):
        store.write(lambda table: table["b"])
    with pytest.raises(KeyError):
        store.write(lambda table: table.__delitem__("b"))


def test_submitted_work_returns_results_and_errors_in_order(store):
    answers: list[Any] = []
    done = threading.Event()
    store.submit(lambda table: len(table), lambda *both: answers.append(both))
    store.submit(lambda table: table["missing"], lambda *both: answers.append(both))
    store.submit(lambda table: "last", lambda *both: (answers.append(both), done.set()))
    assert done.wait(20)
    assert answers[0] == (0, None)
    assert isinstance(answers[1][1], KeyError)
    assert answers[2] == ("last", None)
