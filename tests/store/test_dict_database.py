"""DictDatabase: a shared dict, in memory and on disk."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, MutableMapping
from typing import Any

import pytest

from tests.spec.sessions import environment
from zefnb import ET, FX, DictDatabase, Time, generate_uid, run
from zefnb.errors import InvalidValue, NotRunning, UnknownKey


@pytest.fixture(params=["in_memory", "local_disk"])
def db(request, tmp_path):
    place = {"path": tmp_path / "shared.db"} if request.param == "local_disk" else {}
    db = FX.CreateDB(type=DictDatabase, persistence=request.param, **place) | run
    yield db
    FX.CloseDB(db=db) | run


def in_threads(count: int, work: Callable[[int], None]) -> None:
    failures: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            work(number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


# A mapping


def test_a_database_is_used_like_a_dict(db):
    assert isinstance(db, MutableMapping)
    assert not db
    db["a"] = 1
    db["b"] = [2]
    assert db["a"] == 1
    assert "a" in db
    assert "c" not in db
    assert len(db) == 2
    assert list(db) == list(db.keys()) == ["a", "b"]
    assert list(db.values()) == [1, [2]]
    assert list(db.items()) == [("a", 1), ("b", [2])]
    assert [2] in db.values()
    assert ("a", 1) in db.items()
    assert dict(db) == {"a": 1, "b": [2]}
    del db["a"]
    assert list(db) == ["b"]


def test_reading_with_a_default_does_not_need_the_key(db):
    assert db.get("a") is None
    assert db.get("a", 5) == 5
    db["a"] = None
    assert db.get("a", 5) is None


def test_popping_removes_and_returns_the_value(db):
    db.update({"a": 1, "b": 2, "c": 3})
    assert db.pop("b") == 2
    assert db.pop("b", "gone") == "gone"
    assert db.pop("b", None) is None
    assert db.popitem() == ("c", 3)
    assert list(db) == ["a"]
    with pytest.raises(UnknownKey, match="'b'"):
        db.pop("b")


def test_popping_from_an_empty_database_raises(db):
    with pytest.raises(UnknownKey, match="is empty"):
        db.popitem()


def test_setdefault_sets_a_value_only_once(db):
    assert db.setdefault("a", [1]) == [1]
    assert db.setdefault("a", [2]) == [1]
    assert db.setdefault("b") is None
    assert "b" in db


def test_update_accepts_what_dict_update_accepts(db):
    db.update({"a": 1})
    db.update([("b", 2)], c=3)
    assert dict(db) == {"a": 1, "b": 2, "c": 3}


def test_clearing_leaves_nothing(db):
    db.update(a=1, b=2)
    db.clear()
    assert dict(db) == {}


def test_the_order_is_that_of_insertion_and_overwriting_preserves_it(db):
    db.update({"z": 1, "a": 2, "m": 3})
    db["z"] = 9
    assert list(db) == ["z", "a", "m"]
    del db["z"]
    db["z"] = 1
    assert list(db) == ["a", "m", "z"]


# Keys


@pytest.mark.parametrize(
    "key",
    [
        "text",
        "",
        "\ud800",
        b"\x00\xff",
        0,
        -(2**20_000),
        2.5,
        float("inf"),
        None,
        Time("2026-01-02T03:04:05.123456789Z"),
        ET.Guest,
        ET.Guest(name="Ada", seat=(1, 2)),
        ET.Topic("🍃-87f83f06bfec2ba79b96"),
        DictDatabase("🍃-87f83f06bfec2ba79b96"),
        ("a", 1, (None, b"x")),
        frozenset({"a", 1}),
    ],
    ids=lambda key: type(key).__name__,
)
def test_a_key_can_be_found_and_round_trips(db, key):
    db["before"] = 0
    db[key] = "value"
    assert db[key] == "value"
    assert key in db
    found = list(db)[1]
    assert found == key
    assert type(found) is type(key)
    del db[key]
    assert key not in db


def test_keys_are_equal_exactly_when_they_are_equal_in_a_dict(db):
    plain: dict[Any, Any] = {}
    uid = generate_uid()
    keys = [1, True, 1.0, "1", b"1", 0, False, -0.0, None, (1, 2), (True, 2.0), (12,), "a", ("a",), ("a", ""), 0.5]
    keys += [ET.A(x=1), ET.A(x=True), ET.A(x="1"), ET.B(x=1), ET.A, ET.A("a"), ET.A("a", x=1), ET.Topic(uid), uid]
    keys += [ET.A(x=1, y=2), ET.A(y=2, x=1), frozenset({1, 2}), frozenset({2, True})]
    for number, key in enumerate(keys):
        plain[key] = db[key] = number
    assert list(db.items()) == list(plain.items())
    assert [type(key) for key in db] == [type(key) for key in plain]


@pytest.mark.parametrize("key", [[1], {}, float("nan"), object(), print, ET.Guest(tags=["a"]), (1, [2])], ids=repr)
def test_an_invalid_key_raises_and_the_error_lists_valid_ones(db, key):
    for use in (lambda: db[key], lambda: db.__setitem__(key, 1), lambda: key in db, lambda: db.get(key)):
        with pytest.raises(InvalidValue, match=r"key: got .*allowed: text, numbers"):
            use()


def test_a_missing_key_raises_key_error_with_its_name_and_close_names(db):
    db.update(name="Ada", age=36)
    with pytest.raises(KeyError) as caught:
        db["nmae"]
    assert isinstance(caught.value, UnknownKey)
    assert str(caught.value) == f"{db!r} has no key 'nmae'; did you mean 'name'?"
    with pytest.raises(UnknownKey, match=r"has no key 7$"):
        del db[7]


# Values


def test_changing_a_written_or_read_object_does_not_change_the_database(db):
    guests = ["Ada"]
    db["state"] = {"guests": guests}
    guests.append("Bob")
    assert db["state"] == {"guests": ["Ada"]}
    db["state"]["guests"].append("Cyd")
    db.get("state")["guests"].append("Cyd")
    next(iter(db.values()))["guests"].append("Cyd")
    dict(db.items())["state"]["guests"].append("Cyd")
    db.setdefault("state", {})["guests"].append("Cyd")
    (FX.QueryDB(db=db, get="state") | run)["guests"].append("Cyd")
    assert db["state"] == {"guests": ["Ada"]}


def test_a_value_that_contains_itself_raises(db):
    knot: list[Any] = []
    knot.append(knot)
    with pytest.raises(InvalidValue, match="value of 'knot': it contains itself"):
        db["knot"] = knot
    assert "knot" not in db


def test_memory_keeps_any_value():
    db = FX.CreateDB(type=DictDatabase) | run
    lock = threading.Lock()
    db["lock"] = lock
    assert db["lock"] is lock


# From many threads


def test_concurrent_threads_lose_no_write(db):
    def work(number: int) -> None:
        for n in range(100):
            db[number, n] = n

    in_threads(8, work)
    assert len(db) == 800
    for number in range(8):
        assert [n for owner, n in db if owner == number] == list(range(100))


def test_each_item_is_popped_by_exactly_one_thread(db):
    db.update({n: n for n in range(400)})
    got: list[int] = []

    def work(number: int) -> None:
        while (item := db.pop(number * 50, None)) is not None or db:
            got.extend([item] if item is not None else [])
            try:
                got.append(db.popitem()[1])
            except UnknownKey:
                return

    in_threads(8, work)
    assert sorted(got) == list(range(400))


def test_a_default_is_set_by_exactly_one_thread(db):
    winners: list[tuple[int, int]] = []

    def work(number: int) -> None:
        for n in range(50):
            if db.setdefault(n, number) == number:
                winners.append((n, number))

    in_threads(8, work)
    assert sorted(n for n, _ in winners) == list(range(50))
    assert dict(winners) == dict(db)


def test_readers_see_only_complete_updates(db):
    db.update(a=0, b=0)
    done = threading.Event()
    torn: list[Any] = []

    def work(number: int) -> None:
        if number == 0:
            for n in range(300):
                db.update(a=n, b=n)
            done.set()
            return
        while not done.is_set():
            seen = dict(db.items())
            if seen["a"] != seen["b"]:
                torn.append(seen)

    in_threads(3, work)
    assert torn == []


def test_iterating_while_others_write_is_safe(db):
    db.update({n: n for n in range(50)})
    for key in db:
        del db[key]
        db[key + 100] = 1
    assert list(db) == [n + 100 for n in range(50)]


# The handle


def test_its_repr_evaluates_back_to_it(db):
    assert eval(repr(db)) == db
    assert repr(db).startswith("DictDatabase('🍃-")


def test_a_handle_is_a_value_by_its_uid(db):
    other = FX.CreateDB(type=DictDatabase) | run
    assert other != db
    assert dict(other) == dict(db)
    assert len({db, other, eval(repr(db))}) == 2
    assert ET.Guest(db=db) == ET.Guest(db=eval(repr(db)))
    assert db != dict(db)


def test_a_copy_or_a_pickle_is_the_same_database(db):
    for same in (copy.copy(db), copy.deepcopy(db), pickle.loads(pickle.dumps(db)), copy.deepcopy([db])[0]):
        same["n"] = same.get("n", 0) + 1
    assert db["n"] == 4
    assert copy.deepcopy(db) is db


def test_a_handle_cannot_be_changed_and_has_only_the_attributes_of_a_mapping(db):
    with pytest.raises(AttributeError, match="is immutable"):
        db.name = 1
    with pytest.raises(AttributeError, match="is immutable"):
        del db.name
    public = {name for name in dir(db) if not name.startswith("_")}
    assert public == {name for name in dir(MutableMapping) if not name.startswith("_")}
    for probe in ("_repr_html_", "_ipython_display_", "_ipython_canary_method_should_not_exist_"):
        assert not hasattr(db, probe)


def test_a_handle_can_be_on_the_left_of_a_chain(db):
    from zefnb import collect, get, length

    db["a"] = {"b": 5}
    assert db | length | collect == 1
    assert db | get(["a", "b"]) | collect == 5


@pytest.mark.parametrize("uid", ["chat", "🍃-12", "", 5, ...])
def test_an_invalid_uid_makes_no_handle(uid):
    with pytest.raises(InvalidValue, match=r"FX\.CreateDB"):
        DictDatabase(uid)


def test_a_closed_database_raises(db):
    closed = FX.CreateDB(type=DictDatabase) | run
    FX.CloseDB(db=closed) | run
    for use in (lambda: closed["a"], lambda: len(closed), lambda: "a" in closed, lambda: closed.update(a=1)):
        with pytest.raises(NotRunning, match="has been stopped"):
            use()


def test_a_handle_of_another_process_raises_and_says_so():
    stranger = DictDatabase(generate_uid())
    with pytest.raises(NotRunning, match="belongs to another process"):
        stranger["a"]
    assert repr(stranger)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_leaves_the_databases_to_its_parent(tmp_path):
    script = f"""
import os
from zefnb import *
from zefnb.errors import NotRunning
path = {str(tmp_path / "forked.db")!r}
databases = [
    FX.CreateDB(type=DictDatabase, initial_state={{'n': 1}}) | run,
    FX.CreateDB(type=DictDatabase, persistence='local_disk', path=path, initial_state={{'n': 1}}) | run,
]
child = os.fork()
if not child:
    for db in databases:
        try:
            db['n']
        except NotRunning as error:
            print('child:', 'belongs to another process' in str(error))
    again = FX.CreateDB(type=DictDatabase, persistence='local_disk', path=path) | run
    again['child'] = 2
    print('child:', again == databases[1], again['n'], flush=True)
    os._exit(0)
os.waitpid(child, 0)
databases[1]['parent'] = 3
print('parent:', dict(databases[0]), dict(databases[1]))
"""
    # From Python 3.12 on it warns of every fork of a process that has threads.
    python = [sys.executable, "-W", "ignore:This process:DeprecationWarning"]
    done = subprocess.run([*python, "-c", script], capture_output=True, text=True, timeout=60, env=environment())
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "child: True",
        "child: True",
        "child: True 1",
        "parent: {'n': 1} {'n': 1, 'child': 2, 'parent': 3}",
    ]


def test_importing_the_name_loads_no_database_code():
    script = "from zefnb import *; import sys; print([m for m in ('sqlite3', 'pickle') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
