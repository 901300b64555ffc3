"""Databases that all nodes share: no change is lost, in any order, whatever the broker does."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.cluster.conftest import Lent, local_node, on_loop
from tests.cluster.test_contract import collected
from tests.conftest import wait_until
from zefnb import ET, FX, DictDatabase, Time, add, length, zef_function
from zefnb.cluster import blocking
from zefnb.engine.perform import run_on
from zefnb.engine.runtime import Runtime, default_runtime
from zefnb.errors import (
    ClusterUnavailable,
    InvalidEffect,
    InvalidValue,
    NotRunning,
    StorageFailed,
    UnknownKey,
    WouldBlock,
)
from zefnb.store.store import OPEN, find_store

Join = Callable[..., Runtime]


def create(runtime: Runtime, path: str = "scores", **fields: Any) -> DictDatabase:
    return run_on(runtime, FX.CreateDB(type=DictDatabase, persistence="cluster", path=path, **fields))


def change(runtime: Runtime, db: DictDatabase, **ops: Any) -> None:
    run_on(runtime, FX.UpdateDB(db=db, change=ops))


def own_store(runtime: Runtime, db: DictDatabase) -> Any:
    """The store that a node of its own process would use for the handle."""
    known = OPEN.pop(db._uid, None)
    find = local_node(runtime).databases._find
    wait_until(lambda: find(db._uid) is not None)  # it has read that there is such a database
    store = OPEN.pop(db._uid)
    if known is not None:
        OPEN[db._uid] = known
    return store


@pytest.fixture
def here(broker: Lent, join: Join) -> Runtime:
    return join(broker)


def test_a_database_is_used_like_a_dict(here: Runtime):
    db, plain = create(here), {}
    for each in (db, plain):
        each["z"] = 0
        each["a"] = {"x": [1, ET.Guest(name="Ada", at=Time("2026-11-29T00:00:00Z"))]}
        each[("t", 1)] = b"bytes"
        each["z"] = 1  # it keeps its place
        del each["a"]
        each["a"] = 2  # it is the last one now
        each.update({"b": 3, "c": 4})
        assert each.setdefault("b", 9) == 3
        assert each.setdefault("d", 5) == 5
        assert each.popitem() == ("d", 5)
        assert each.pop("c") == 4
    assert list(db.items()) == list(plain.items())
    assert (len(db), list(db), "z" in db, "q" in db, db.get("q")) == (4, list(plain), True, False, None)
    with pytest.raises(UnknownKey, match="has no key 'q'"):
        db["q"]
    db.clear()
    assert dict(db) == {}


def test_random_operations_give_what_a_dict_gives(here: Runtime):
    db, plain, choose = create(here), {}, random.Random(7)
    for _ in range(150):
        key = choose.choice("abcde")
        what = choose.randrange(5)
        if what == 0:
            db[key] = plain[key] = choose.random()
        elif what == 1:
            assert db.pop(key, None) == plain.pop(key, None)
        elif what == 2:
            change(here, db, **{key: add(1)})
            plain[key] = plain.get(key, 0) + 1
        elif what == 3 and plain:
            assert db.popitem() == plain.popitem()
        else:
            assert db.get(key) == plain.get(key)
        assert len(db) == len(plain)
    assert list(db.items()) == list(plain.items())


def test_the_same_path_is_the_same_database_and_another_is_another(here: Runtime, broker: Lent, join: Join):
    there = join(broker)
    db = create(here, initial_state={"a": 1})
    assert create(there, initial_state={"b": 2}) == db
    assert dict(db) == {"a": 1}
    other = create(there, "others")
    assert other != db
    assert dict(other) == {}


def test_four_nodes_lose_no_change(broker: Lent, join: Join):
    nodes = [join(broker) for _ in range(4)]
    db = create(nodes[0])
    stores = [own_store(node, db) for node in nodes]
    count = 25

    def work(store: Any) -> None:
        for _ in range(count):
            store.write(lambda table: table.__setitem__("n", store.stored("n", read(store, table) + 1)))

    threads = [threading.Thread(target=work, args=(store,)) for store in stores for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert db["n"] == 2 * 4 * count


def read(store: Any, table: Any) -> int:
    return store.restored("n", table["n"]) if "n" in table else 0


def test_changes_are_all_or_nothing(here: Runtime):
    db = create(here, initial_state={"a": 1})
    with pytest.raises(UnknownKey):
        run_on(here, FX.UpdateDB(db=db, insert={"b": 2}, remove=["c"]))
    with pytest.raises(InvalidValue, match="add"):
        run_on(here, FX.UpdateDB(db=db, insert={"b": 2}, change={"a": add("text")}))
    assert dict(db) == {"a": 1}
    done = run_on(here, FX.UpdateDB(db=db, insert={"b": 2}, remove=["a"], change={"c": add(1)}))
    assert done == ET.Success(inserted=1, updated=0, removed=1, changed=1)
    assert dict(db) == {"b": 2, "c": 1}
    change(here, db, c=lambda value: value * 10)  # a function of the user's, in a thread
    assert run_on(here, FX.QueryDB(db=db, get="c")) == 10
    assert run_on(here, FX.QueryDB(db=db, query=length)) == 2


def test_a_handle_that_is_sent_works_at_the_other_node(here: Runtime, broker: Lent, join: Join, until: Any):
    there = join(broker)
    found = collected(there)
    db = create(here, initial_state={"a": 1})
    run_on(here, FX.Publish(target=ET.Topic("room"), content={"db": db}))
    until(lambda: found)
    store = own_store(there, found[0]["db"])
    assert store.get("a") == 1
    late = own_store(join(broker), db)  # also at a node that joins later
    assert late.items() == [("a", 1)]


def test_nothing_waits_for_the_broker_on_the_event_loop(here: Runtime, until: Any):
    db = create(here, initial_state={"a": 1})
    for use in (lambda: db["a"], lambda: len(db), lambda: dict(db), lambda: db.update(a=2), lambda: "a" in db):
        with pytest.raises(WouldBlock, match=r"FX\.QueryDB"):
            on_loop(here, use)
    handler = zef_function(lambda message: FX.UpdateDB(db=db, change={"a": add(message)}), inline=True)
    run_on(here, FX.SubscribeFX(topic=ET.Topic("room"), op=handler))
    run_on(here, FX.Publish(target=ET.Topic("room"), content=1))
    until(lambda: db["a"] == 2)


def test_the_errors_of_a_process_that_has_not_joined_or_has_left(here: Runtime, broker: Lent):
    with pytest.raises(NotRunning, match=r"has not joined a cluster; FX\.JoinCluster"):
        create(default_runtime())
    db = create(here, initial_state={"a": 1})
    for path in (None, "", "x" * 201, "a\nb"):
        with pytest.raises(InvalidEffect, match=r"persistence='cluster'|1 to 200 characters"):
            create(here, path)  # type: ignore[arg-type]
    run_on(here, FX.LeaveCluster())
    with pytest.raises(NotRunning, match=r"'scores' belongs to the cluster .* left; FX\.JoinCluster\(\) \| run"):
        db["a"]
    run_on(here, FX.JoinCluster(url=broker.url, name=broker.name))
    assert dict(db) == {"a": 1}
    run_on(here, FX.CloseDB(db=db))
    with pytest.raises(NotRunning):
        db["a"]
    assert dict(create(here)) == {"a": 1}


def test_a_wiped_database_is_an_error_and_can_be_made_again(here: Runtime, broker: Lent):
    db = create(here, initial_state={"a": 1})
    broker.call(f"DEL zefnb:{broker.name}:db:scores")
    for use in (lambda: db["a"], lambda: len(db), lambda: db.update(a=1), lambda: dict(db)):
        with pytest.raises(StorageFailed, match=r"has lost the database .* FX\.CreateDB"):
            use()
    again = create(here)
    assert (again == db, dict(again)) == (False, {})


@pytest.mark.parametrize("content", ["x", "0" * 20, "0" * 16 + "\\xff\\xff\\xff\\xff", "0" * 40])
def test_what_others_write_into_the_broker_is_an_error(here: Runtime, broker: Lent, content: str):
    db = create(here, initial_state={"a": 1})
    broker.call(f'HSET zefnb:{broker.name}:db:scores sb "{content}"')
    for use in (lambda: db["b"], lambda: list(db)):
        with pytest.raises(StorageFailed, match="cannot be read"):
            use()
    assert db["a"] == 1


def test_a_repeated_batch_has_no_effect(here: Runtime, broker: Lent):
    store: Any = find_store(create(here, initial_state={"n": 1})._uid)
    call, sent = store._commands.call, []

    def twice(*command: Any) -> Any:
        sent.append(command[0])
        first = call(*command)
        return call(*command) if command[0] == "EVAL" else first  # as after a lost reply

    store._commands.call = twice
    for _ in range(3):
        store.write(lambda table: table.__setitem__("n", store.stored("n", read(store, table) + 1)))
    assert store.get("n") == 4
    assert "EVAL" in sent


def test_acknowledged_changes_survive_a_killed_broker(own_broker: Any, join: Join):
    node = join(own_broker)
    db, acknowledged, is_stopped = create(node), [0], threading.Event()

    def work() -> None:
        while not is_stopped.is_set():
            change(node, db, n=add(1))
            acknowledged[0] += 1

    thread = threading.Thread(target=work)
    thread.start()
    for _ in range(2):
        before, end = acknowledged[0], time.monotonic() + 20
        while acknowledged[0] < before + 10:
            assert time.monotonic() < end
            time.sleep(0.002)
        own_broker.kill()
        own_broker.start()
    is_stopped.set()
    thread.join()
    assert db["n"] == acknowledged[0]


def test_a_change_that_the_broker_does_not_acknowledge_is_an_error_in_time(
    own_broker: Any, join: Join, monkeypatch: Any
):
    node = join(own_broker)
    db = create(node, initial_state={"n": 1})
    own_broker.call("CONFIG SET maxmemory 1")
    with pytest.raises(ClusterUnavailable, match="not sent: the broker refuses"):
        change(node, db, n=add(1))
    own_broker.call("CONFIG SET maxmemory 0")
    change(node, db, n=add(0))  # so that the next one need not read before
    own_broker.suspend()
    monkeypatch.setattr(blocking, "TIMEOUT", 0.3)
    with pytest.raises(ClusterUnavailable, match="outcome unknown"):
        change(node, db, n=add(1))
    with pytest.raises(ClusterUnavailable, match="not sent"):
        change(node, db, n=add(1))  # it has only tried to read
    with pytest.raises(ClusterUnavailable, match="cannot be read"):
        db["n"]
    own_broker.resume()
    monkeypatch.undo()
    change(node, db, n=add(10))
    assert db["n"] in (11, 12)
