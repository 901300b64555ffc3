"""`FX.UpdateDB(change=...)`: ops of current values, of which no change of others is lost, in each kind of database."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from zefnb import ET, FX, DictDatabase, add, length, run, to_upper_case, zef_function
from zefnb.errors import InvalidEffect, InvalidValue, StorageFailed
from zefnb.store import change

COUNT = """
import sys
from zefnb import *
db = FX.CreateDB(type=DictDatabase, persistence='local_disk', path=sys.argv[1]) | run
for _ in range(200):
    FX.UpdateDB(db=db, change={'n': add(1), 'm': lambda n: (n or 0) + 1}) | run
"""


@pytest.fixture(params=["in_memory", "local_disk"])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    place = {"path": tmp_path / "a.db"} if request.param == "local_disk" else {}
    made = FX.CreateDB(type=DictDatabase, persistence=request.param, **place) | run
    yield made
    FX.CloseDB(db=made) | run


def changed(db: Any, **ops: Any) -> Any:
    return FX.UpdateDB(db=db, change=ops) | run


def in_threads(count: int, work: Callable[[], None]) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_an_op_is_applied_to_the_current_value_and_to_none_for_a_missing_key(db: Any):
    assert changed(db, ada=add(1)) == ET.Success(inserted=0, updated=0, removed=0, changed=1)
    assert changed(db, ada=add(1) | add(10), bob=add(5)).changed == 2
    assert dict(db) == {"ada": 12, "bob": 5}


def test_a_function_is_applied_in_the_same_way(db: Any):
    db["guests"] = ["Ada"]
    changed(db, guests=lambda guests: [*guests, "Bob"], first=lambda value: value is None, n=zef_function(len_or_0))
    changed(db, guests=length)
    assert dict(db) == {"guests": 2, "first": True, "n": 0}


def len_or_0(value: Any) -> int:
    return len(value or ())


def test_it_is_one_change_with_the_other_fields(db: Any):
    db.update(a=1, b=2, c=3)
    done = FX.UpdateDB(db=db, insert={"d": 4}, update={"a": 10}, remove=["b"], change={"c": add(1)}) | run
    assert done == ET.Success(inserted=1, updated=1, removed=1, changed=1)
    assert dict(db) == {"a": 10, "c": 4, "d": 4}


@pytest.mark.parametrize("is_inline", [True, False], ids=["ops", "functions"])
def test_an_op_that_raises_changes_nothing_and_the_error_names_key_and_op(db: Any, is_inline: bool):
    db.update(a=1, b="text")
    op = add(1) if is_inline else lambda value: value + 1
    with pytest.raises(InvalidValue) as caught:
        FX.UpdateDB(db=db, insert={"new": 1}, remove=["a"], change={"c": add(1), "b": op}) | run
    assert f"change['b']: {'add(1)' if is_inline else '<lambda>'} of 'text'" in str(caught.value).replace(" (str)", "")
    assert "raised TypeError" in str(caught.value)
    assert isinstance(caught.value.__cause__, TypeError)
    assert dict(db) == {"a": 1, "b": "text"}


def test_the_error_says_that_a_key_is_missing(db: Any):
    with pytest.raises(InvalidValue, match=r"change\['zoe'\]: to_upper_case of None, since there is no such key"):
        changed(db, zoe=to_upper_case)
    assert dict(db) == {}


@pytest.mark.parametrize("given", [3, "add", None, [add(1)]], ids=repr)
def test_a_value_that_is_no_op_is_refused(db: Any, given: Any):
    with pytest.raises(InvalidValue, match=r"FX\.UpdateDB: change\['a'\]: got .*an op or a callable"):
        changed(db, a=given)


def test_a_key_in_two_fields_is_refused(db: Any):
    with pytest.raises(InvalidEffect, match="key 'a' is in insert, too"):
        FX.UpdateDB(db=db, insert={"a": 1}, change={"a": add(1)}) | run


def test_without_keys_nothing_is_changed(db: Any):
    assert changed(db).changed == 0


def test_an_async_function_is_refused(db: Any):
    async def later(value: Any) -> Any:
        return value

    with pytest.raises(InvalidValue, match="it is an async function"):
        changed(db, a=later)


def test_a_function_that_fails_after_it_has_changed_its_copy_changes_nothing(db: Any):
    def fail(guests: list[str]) -> None:
        guests.append("Bob")
        raise ValueError("full")

    db["guests"] = ["Ada"]
    with pytest.raises(InvalidValue, match="full"):
        changed(db, guests=fail)
    assert db["guests"] == ["Ada"]


def test_a_result_that_cannot_be_stored_is_refused_with_its_key(db: Any):
    def deep(value: Any) -> Any:
        for _ in range(100_000):
            value = [value]
        return value

    with pytest.raises(InvalidValue, match="'a'"):
        changed(db, b=add(1), a=deep)
    assert dict(db) == {}


# Together with others


@pytest.mark.parametrize("op", [add(1), lambda n: (n or 0) + 1], ids=["ops", "functions"])
def test_no_change_of_threads_is_lost(db: Any, op: Any):
    def count() -> None:
        for _ in range(300):
            changed(db, n=op, **{threading.current_thread().name: add(1)})

    in_threads(4, count)
    assert db["n"] == 1_200
    assert sorted(db.values()) == [300] * 4 + [1_200]


def test_ten_thousand_changes_by_four_actors_are_all_there(until: Any):
    db = FX.CreateDB(type=DictDatabase) | run
    actors = [
        FX.StartActor(initial_state=None, handler=lambda m, s: [[FX.UpdateDB(db=db, change={"n": add(1)})], s]) | run
        for _ in range(4)
    ]
    for actor in actors:
        for number in range(2_500):
            FX.Publish(target=actor.input, content=number) | run
    until(lambda: db.get("n") == 10_000, within=60)


def test_functions_and_ops_and_plain_writes_do_not_disturb_each_other(db: Any):
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            db["other"] = 1

    def count() -> None:
        for _ in range(100):
            changed(db, n=add(1))
            changed(db, n=lambda n: (n or 0) + 1)

    writer = threading.Thread(target=write)
    writer.start()
    in_threads(3, count)
    stop.set()
    writer.join()
    assert db["n"] == 600


def test_a_slow_function_delays_nobody_and_is_called_again_when_the_value_has_changed(db: Any):
    is_called, may_end = threading.Event(), threading.Event()
    seen: list[Any] = []

    def slow(value: Any) -> Any:
        seen.append(value)
        is_called.set()
        may_end.wait(20)
        return [*(value or ()), "slow"]

    thread = threading.Thread(target=changed, args=(db,), kwargs={"a": slow})
    thread.start()
    is_called.wait(20)
    changed(db, b=add(1), a=constant)
    assert FX.QueryDB(db=db, get="a") | run == ["quick"]
    may_end.set()
    thread.join()
    assert seen == [None, ["quick"]]
    assert dict(db) == {"b": 1, "a": ["quick", "slow"]}


constant = zef_function(lambda value: ["quick"], inline=True)


def test_a_function_whose_value_changes_all_the_time_gives_up_with_an_error(db: Any, monkeypatch: Any):
    monkeypatch.setattr(change, "MOST_ATTEMPTS", 5)
    seen: list[Any] = []

    def disturbed(value: Any) -> Any:
        seen.append(value)
        changed(db, n=add(1))
        return -1

    with pytest.raises(StorageFailed, match=r"was changed 5 times while FX\.UpdateDB applied .*disturbed.* of key 'n'"):
        changed(db, n=disturbed)
    assert seen == [None, 1, 2, 3, 4]
    assert db["n"] == 5


def test_processes_that_share_a_file_lose_no_change(tmp_path: Path):
    path = tmp_path / "a.db"
    db = FX.CreateDB(type=DictDatabase, persistence="local_disk", path=path) | run
    others = [subprocess.Popen([sys.executable, "-c", COUNT, str(path)]) for _ in range(2)]
    for _ in range(200):
        changed(db, n=add(1))
    assert [other.wait(60) for other in others] == [0, 0]
    assert dict(db) == {"n": 600, "m": 400}
    FX.CloseDB(db=db) | run


def test_an_actor_changes_a_value_by_an_effect(db: Any, until: Any):
    actor = (
        FX.StartActor(initial_state=0, handler=lambda name, n: [[FX.UpdateDB(db=db, change={name: add(1)})], n]) | run
    )
    for name in ("ada", "bob", "ada"):
        FX.Publish(target=actor.input, content=name) | run
    until(lambda: dict(db) == {"ada": 2, "bob": 1})
