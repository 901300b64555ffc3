"""The effects on databases: atomic, in order, in memory and on disk."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from typing import Any

import pytest

from zefnb import ET, FX, DictDatabase, generate_uid, get, insert_into, length, run, zef_function
from zefnb.engine.runtime import default_runtime
from zefnb.errors import InvalidEffect, InvalidValue, NotRunning, StorageFailed, UnknownKey, WouldBlock


@pytest.fixture(params=["in_memory", "local_disk"])
def persistence(request):
    return request.param


@pytest.fixture
def create(persistence, tmp_path):
    made = []

    def create(**fields: Any) -> Any:
        place = {"path": tmp_path / "shared.db"} if persistence == "local_disk" else {}
        made.append(FX.CreateDB(type=DictDatabase, persistence=persistence, **place, **fields) | run)
        return made[-1]

    yield create
    for db in set(made):
        with contextlib.suppress(NotRunning):  # the test may have closed it
            FX.CloseDB(db=db) | run


@pytest.fixture
def db(create):
    return create()


# Creating


def test_it_returns_a_handle(db):
    assert isinstance(db, DictDatabase)
    assert dict(db) == {}


def test_memory_is_the_default_and_each_database_is_separate():
    one, other = [FX.CreateDB(type=DictDatabase), FX.CreateDB(type=DictDatabase)] | run
    one["a"] = 1
    assert dict(other) == {}


def test_the_initial_state_is_there_and_is_a_copy(create):
    state = {"guests": ["Ada"], 5: None}
    db = create(initial_state=state)
    state["guests"].append("Bob")
    assert dict(db) == {"guests": ["Ada"], 5: None}


def test_the_initial_state_is_only_for_an_empty_database(tmp_path):
    create = FX.CreateDB(
        type=DictDatabase, persistence="local_disk", path=tmp_path / "a.db", initial_state={"n": 0, "m": 0}
    )
    db = create | run
    db["n"] = 5
    del db["m"]
    again = create | run
    assert dict(again) == {"n": 5}
    FX.CloseDB(db=db) | run
    reopened = create | run
    assert dict(reopened) == {"n": 5}
    assert reopened == db
    FX.CloseDB(db=reopened) | run


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"persistence": "local_disk"}, "path: missing with persistence='local_disk'"),
        ({"path": "a.db"}, "path: got 'a.db' with persistence='in_memory'"),
        ({"path": "a.db", "persistence": "in_memory"}, "path: got 'a.db' with persistence='in_memory'"),
        ({"path": "", "persistence": "local_disk"}, "path: got ''"),
        ({"path": "a\0b", "persistence": "local_disk"}, "path: got"),
    ],
)
def test_a_path_is_only_for_the_disk_and_the_disk_needs_one(fields, problem):
    with pytest.raises(InvalidEffect) as caught:
        FX.CreateDB(type=DictDatabase, **fields) | run
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"type": dict}, "type: got <class 'dict'>; allowed: DictDatabase"),
        ({"type": DictDatabase(generate_uid())}, "allowed: DictDatabase"),
        ({"type": DictDatabase, "persistence": "disk"}, "persistence: got 'disk' (str); allowed: Literal"),
        ({"type": DictDatabase, "path": 5}, "path: got 5 (int)"),
        ({"type": DictDatabase, "initial_state": [1]}, "initial_state: got [1] (list)"),
        ({"type": DictDatabase, "pth": "a"}, "did you mean 'path'?"),
    ],
)
def test_invalid_fields_raise_when_the_effect_is_built(fields, problem):
    with pytest.raises(InvalidEffect) as caught:
        FX.CreateDB(**fields)
    assert problem in str(caught.value)


def test_the_type_must_be_given():
    with pytest.raises(InvalidEffect, match="type: missing; allowed: DictDatabase"):
        FX.CreateDB() | run


def test_a_bad_initial_state_leaves_no_database_open(create, persistence, tmp_path):
    with pytest.raises(InvalidValue, match=r"key: got nan"):
        create(initial_state={float("nan"): 1})
    if persistence == "local_disk":
        (tmp_path / "shared.db").rename(tmp_path / "moved.db")
        assert dict(create()) == {}


def test_a_file_that_cannot_be_used_is_named(tmp_path):
    with pytest.raises(StorageFailed, match="is a directory"):
        FX.CreateDB(type=DictDatabase, persistence="local_disk", path=tmp_path) | run


# Updating


def test_an_update_inserts_updates_and_removes_and_counts(db):
    assert FX.UpdateDB(db=db, insert={"a": 1, "b": 2, "c": 3}) | run == ET.Success(inserted=3, updated=0, removed=0)
    answer = FX.UpdateDB(db=db, insert={"d": 4, "a": 9}, update={"b": 5}, remove=["c"]) | run
    assert answer == ET.Success(inserted=2, updated=1, removed=1)
    assert list(db.items()) == [("a", 9), ("b", 5), ("d", 4)]


def test_an_update_that_cannot_be_done_completely_changes_nothing_and_names_the_missing_keys(db):
    db.update(name="Ada", age=36)
    before = dict(db)
    with pytest.raises(UnknownKey) as caught:
        FX.UpdateDB(db=db, insert={"new": 1}, update={"nmae": "Bob", "age": 37}, remove=["agee"]) | run
    assert str(caught.value).startswith(f"FX.UpdateDB: {db!r} has no keys 'nmae', 'agee'; ")
    assert "did you mean 'name'?" in str(caught.value)
    for bad in ({"insert": {"x": 1, float("nan"): 2}}, {"insert": {"x": 1}, "remove": [[]]}):
        with pytest.raises(InvalidValue, match="key: got"):
            FX.UpdateDB(db=db, **bad) | run
    assert dict(db) == before


def test_an_update_without_arguments_raises_and_an_empty_one_does_not(db):
    with pytest.raises(InvalidEffect, match="no change is given; allowed: insert, update, remove"):
        FX.UpdateDB(db=db) | run
    assert FX.UpdateDB(db=db, insert={}) | run == ET.Success(inserted=0, updated=0, removed=0)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"insert": {"a": 1}, "remove": ["a"]}, "remove: key 'a' is in insert, too"),
        ({"insert": {1: 1}, "update": {True: 1}}, "update: key True is in insert, too"),
        ({"remove": ["a", "a"]}, "remove: a key is given twice"),
    ],
)
def test_a_key_that_is_named_twice_is_an_error(db, fields, problem):
    db.update({"a": 0, 1: 0})
    with pytest.raises(InvalidEffect) as caught:
        FX.UpdateDB(db=db, **fields) | run
    assert problem in str(caught.value)
    assert dict(db) == {"a": 0, 1: 0}


def test_text_is_not_a_list_of_keys(db):
    with pytest.raises(InvalidEffect, match="remove: got 'abc'"):
        FX.UpdateDB(db=db, remove="abc")


def test_an_update_uses_the_values_at_the_time_when_it_is_performed(db):
    guests = ["Ada"]
    FX.UpdateDB(db=db, insert={"guests": guests}) | run
    guests.append("Bob")
    assert db["guests"] == ["Ada"]


def test_updates_of_one_thread_are_performed_in_order(db):
    for n in range(200):
        FX.UpdateDB(db=db, insert={"n": n}) | run
        assert db["n"] == n
    [FX.UpdateDB(db=db, insert={"n": n, n: n}) for n in range(50)] | run
    assert db["n"] == 49
    assert list(db)[1:] == list(range(50))


def test_updates_of_many_threads_are_atomic(db):
    FX.UpdateDB(db=db, insert={"left": 0, "right": 0}) | run
    torn = []

    def work(number: int) -> None:
        for n in range(40):
            FX.UpdateDB(db=db, update={"left": (number, n), "right": (number, n)}, insert={(number, n): 1}) | run
            seen = FX.QueryDB(db=db, query=dict) | run
            torn.extend([seen] if seen["left"] != seen["right"] else [])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert torn == []
    assert len(db) == 2 + 6 * 40


def test_an_update_takes_as_long_with_ten_thousand_entries_as_with_one_thousand(db):
    def seconds(first: int) -> float:
        before = time.process_time()
        for n in range(first, first + 1_000):
            db[n] = n
        return time.process_time() - before

    spent = [seconds(first) for first in range(0, 10_000, 1_000)]
    assert len(db) == 10_000
    assert sorted(spent[5:])[2] < 3 * sorted(spent[:5])[2]


def test_updates_that_wait_together_are_acknowledged_together(db):
    async def many() -> None:
        async def one(n: int) -> Any:
            return await FX.UpdateDB(db=db, insert={n: n})

        answers = await asyncio.gather(*(one(n) for n in range(1000)))
        assert all(answer.inserted == 1 for answer in answers)

    asyncio.run(many())
    assert sorted(db) == list(range(1000))


# Querying


def test_a_query_receives_one_value(db):
    FX.UpdateDB(db=db, insert={"a": [1], None: "nothing"}) | run
    assert FX.QueryDB(db=db, get="a") | run == [1]
    assert FX.QueryDB(db=db, get=None) | run == "nothing"


def test_a_query_computes_from_everything_by_ops_and_functions(db):
    db.update(a=1, b=2)
    assert FX.QueryDB(db=db, query=length) | run == 2
    assert FX.QueryDB(db=db, query=get("a")) | run == 1
    assert FX.QueryDB(db=db, query=lambda everything: sum(everything.values())) | run == 3
    assert FX.QueryDB(db=db, query=sorted) | run == ["a", "b"]

    async def slowly(everything: dict[Any, Any]) -> int:
        await asyncio.sleep(0)
        return len(everything)

    assert FX.QueryDB(db=db, query=slowly) | run == 2


def test_a_function_in_a_query_does_not_run_on_the_loop(db):
    thread = FX.QueryDB(db=db, query=lambda everything: threading.current_thread()) | run
    assert thread.name == "zefnb-handlers"


def test_a_missing_key_raises_and_is_named(db):
    db["name"] = 1
    with pytest.raises(UnknownKey, match="has no key 'nam'; did you mean 'name'"):
        FX.QueryDB(db=db, get="nam") | run


def test_a_query_that_fails_raises_its_own_error(db):
    with pytest.raises(KeyError) as caught:
        FX.QueryDB(db=db, query=lambda everything: everything["x"]) | run
    assert not isinstance(caught.value, UnknownKey)
    with pytest.raises(ZeroDivisionError):
        FX.QueryDB(db=db, query=lambda everything: 1 / 0) | run


def test_a_query_has_exactly_one_question(db):
    with pytest.raises(InvalidEffect, match="got neither `get` nor `query`; allowed: exactly one"):
        FX.QueryDB(db=db) | run
    with pytest.raises(InvalidEffect, match="got both `get` and `query`"):
        FX.QueryDB(db=db, get="a", query=length) | run
    with pytest.raises(InvalidEffect, match="query: got 5"):
        FX.QueryDB(db=db, query=5)


# Closing


def test_a_closed_database_is_not_running_for_anybody(create, persistence):
    db = create()
    db["a"] = 1
    FX.CloseDB(db=db) | run
    for use in (
        FX.UpdateDB(db=db, insert={"a": 1}),
        FX.QueryDB(db=db, get="a"),
        FX.QueryDB(db=db, query=length),
        FX.CloseDB(db=db),
    ):
        with pytest.raises(NotRunning, match="has been stopped"):
            use | run
    again = create()
    assert dict(again) == ({"a": 1} if persistence == "local_disk" else {})


def test_databases_close_with_the_runtime(tmp_path):
    from zefnb.engine.runtime import close_default_runtime

    db = FX.CreateDB(type=DictDatabase, persistence="local_disk", path=tmp_path / "a.db") | run
    db["a"] = 1
    close_default_runtime()
    assert [file.name for file in tmp_path.iterdir()] == ["a.db"]
    with pytest.raises(NotRunning):
        db["a"]


# In actors and chains


def ask(actor: Any, message: Any) -> None:
    FX.Publish(target=actor.input, content=message) | run


@pytest.mark.parametrize("shape", ["plain", "inline", "async"])
def test_handlers_of_any_signature_share_the_database_with_the_notebook(db, until, shape):
    def handle(msg: Any, state: Any) -> Any:
        state.db["seen"] = state.db.get("seen", 0) + 1
        return [[FX.UpdateDB(db=state.db, insert={msg: state.db["seen"]})], state]

    async def handle_async(msg: Any, state: Any) -> Any:
        return handle(msg, state)

    handlers = {"plain": handle, "async": handle_async, "inline": zef_function(inline=True)(handle)}
    actor = FX.StartActor(initial_state=ET.Guest(db=db), handler=handlers[shape]) | run
    for n in range(50):
        ask(actor, f"m{n}")
    until(lambda: "m49" in db)
    assert dict(db) == {"seen": 50, **{f"m{n}": n + 1 for n in range(50)}}


def test_effects_after_an_update_see_it(db, until):
    seen = []

    def handle(msg: Any, state: Any) -> Any:
        return [[FX.UpdateDB(db=db, insert={"n": msg}), FX.Publish(target=ET.Topic("after"), content=msg)], state]

    actor = FX.StartActor(initial_state=None, handler=handle) | run
    after = FX.SubscribeFX(topic=ET.Topic("after"), op=lambda n: seen.append((n, db["n"] >= n))) | run
    for n in range(20):
        ask(actor, n)
    until(lambda: len(seen) == 20)
    assert seen == [(n, True) for n in range(20)]
    FX.Unsubscribe(subscription=after.subscription) | run


def test_a_failed_update_of_an_actor_is_in_the_journal(db, until):
    actor = FX.StartActor(initial_state=1, handler=lambda m, s: [[FX.UpdateDB(db=db, remove=["gone"])], s]) | run
    ask(actor, "go")
    entry = until(lambda: [e for e in FX.QueryLog(level="error") | run if "'gone'" in e["message"] + e["traceback"]])[0]
    assert entry["actor"] == actor


def test_a_subscription_can_write_to_it(db, until):
    template = FX.UpdateDB(db=db, insert={})
    done = FX.SubscribeFX(topic=ET.Topic("in"), op=insert_into(template, ["insert", "last"])) | run
    FX.Publish(target=ET.Topic("in"), content=5) | run
    until(lambda: db.get("last") == 5)
    FX.Unsubscribe(subscription=done.subscription) | run


def test_on_the_loop_memory_returns_at_once_and_the_disk_raises_with_advice(db, persistence, until):
    answers: list[Any] = []

    @zef_function(inline=True)
    def handle(msg: Any, state: Any) -> Any:
        for effect in (FX.UpdateDB(db=db, insert={"a": 1}), FX.QueryDB(db=db, query=length)):
            try:
                answers.append(effect | run)
            except WouldBlock as error:
                answers.append(error)
        return [[], state]

    actor = FX.StartActor(initial_state=None, handler=handle) | run
    ask(actor, "go")
    until(lambda: len(answers) == 2)
    if persistence == "in_memory":
        assert answers == [ET.Success(inserted=1, updated=0, removed=0), 1]
    else:
        assert all("return it as an effect" in str(answer) for answer in answers)
        assert "a" not in db


def test_the_effects_work_inside_an_existing_event_loop(db):
    async def main() -> Any:
        await FX.UpdateDB(db=db, insert={"a": 1})
        return await FX.QueryDB(db=db, get="a")

    assert asyncio.run(main()) == 1


def test_it_has_help_and_completion():
    assert str(FX.UpdateDB.__signature__).startswith("(*, db:")
    assert {"CreateDB", "UpdateDB", "QueryDB", "CloseDB"} <= set(dir(FX))
    assert default_runtime().registry.spec("CreateDB").keyed is None
