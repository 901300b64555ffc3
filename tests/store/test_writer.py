"""The writer: groups of changes in one transaction, each rolled back alone when it fails."""

from __future__ import annotations

import ctypes
import functools
import sys
import threading
from typing import Any

import pytest

from tests.conftest import wait_until
from tests.store.on_disk import closed, opened, store_of
from zefnb import ET, FX, DictDatabase, run
from zefnb.errors import NotRunning, StorageFailed, WouldBlock
from zefnb.store.databases import Databases
from zefnb.store.store import OPEN


def together(store: Any, values: list[Any]) -> list[Any]:
    """Write the values in one group; return the errors, in order."""
    started, begun, done = threading.Event(), threading.Event(), threading.Event()
    errors: dict[int, Any] = {}

    def hold(table: Any) -> None:
        begun.set()
        started.wait(20)

    def finished(number: int, error: Any) -> None:
        errors[number] = error
        if len(errors) == len(values):
            done.set()

    store.submit(hold, lambda answer, error: None)
    begun.wait(20)
    for number, value in enumerate(values):
        stored = store.stored(number, value)

        def put(table: Any, number: int = number, stored: Any = stored) -> None:
            table[number] = stored

        store.submit(put, lambda answer, error, number=number: finished(number, error))
    started.set()
    assert done.wait(20)
    return [errors[number] for number in range(len(values))]


def test_a_full_disk_affects_only_the_changes_that_do_not_fit(path):
    db = opened(path)
    store = store_of(db)
    db["small"] = 1
    store._writer._connection.execute("PRAGMA max_page_count = 40")
    with pytest.raises(StorageFailed, match="cannot grow, since its disk is full"):
        db["big"] = b"x" * 1_000_000
    answers = together(store, [b"y", b"x" * 1_000_000, b"z"])
    assert [type(error) for error in answers] == [type(None), StorageFailed, type(None)]
    assert dict(db) == {"small": 1, 0: b"y", 2: b"z"}


def test_a_change_that_fails_within_a_group_is_rolled_back_alone(path):
    db = opened(path)
    store = store_of(db)
    begun, go, done = threading.Event(), threading.Event(), threading.Event()
    answers: list[Any] = []

    def hold(table: Any) -> None:
        begun.set()
        go.wait(20)

    def half(table: Any) -> None:
        table["half"] = store.stored("half", 1)
        raise ValueError("no further")

    store.submit(hold, lambda answer, error: None)
    begun.wait(20)
    store.submit(lambda table: table.__setitem__("a", store.stored("a", 1)), lambda *both: answers.append(both))
    store.submit(half, lambda *both: answers.append(both))
    store.submit(lambda table: len(table), lambda *both: (answers.append(both), done.set()))
    go.set()
    assert done.wait(20)
    assert answers[0] == (None, None)
    assert isinstance(answers[1][1], ValueError)
    assert answers[2] == (1, None)
    assert dict(db) == {"a": 1}


def test_a_closing_database_finishes_submitted_work(path):
    db = opened(path)
    store = store_of(db)
    for n in range(500):
        store.submit(lambda table, n=n: table.__setitem__(n, store.stored(n, n)), lambda answer, error: None)
    closed(db)
    assert list(opened(path)) == list(range(500))
    with pytest.raises(NotRunning, match="has been closed"):
        store.write(lambda table: None)
    with pytest.raises(NotRunning, match="has been closed"):
        store.get("a")
    store.close()


def test_an_interrupt_ends_the_wait_for_the_writer(path):
    db = opened(path)
    store = store_of(db)
    begun, go, within, ended = threading.Event(), threading.Event(), threading.Event(), []

    def hold(table: Any) -> None:
        begun.set()
        go.wait(20)

    def work() -> None:
        try:
            within.set()
            db["late"] = 1
        except KeyboardInterrupt:
            ended.append(True)

    store.submit(hold, lambda answer, error: None)
    begun.wait(20)
    thread = threading.Thread(target=work)
    thread.start()
    assert within.wait(20)
    wait_until(lambda: not store._writer._batches._jobs.empty())
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(KeyboardInterrupt))
    thread.join(20)
    assert ended == [True]
    go.set()


def test_a_finalizer_can_write_during_a_submission(path):
    db = opened(path)
    submit = store_of(db)._writer._batches.submit.__func__.__code__

    def trace(frame: Any, event: str, _: Any) -> Any:
        if frame.f_code is not submit:
            return None
        if event == "line":
            sys.settrace(None)
            lines.add(frame.f_lineno)
            db[f"line {frame.f_lineno}"] = True
            sys.settrace(trace)
        return trace

    lines: set[int] = set()
    sys.settrace(trace)
    try:
        db["plain"] = True
    finally:
        sys.settrace(None)
    assert len(lines) > 1
    assert dict(db).keys() == {"plain", *(f"line {line}" for line in lines)}


def test_work_submitted_during_the_close_is_done_or_refused(path):
    for _ in range(20):
        db = opened(path)
        store = store_of(db)
        answers: list[Any] = []
        note = functools.partial(lambda answers, answer, error: answers.append(error), answers)
        accepted = 0
        closing = threading.Thread(target=closed, args=(db,))
        closing.start()
        try:
            while closing.is_alive():
                store.submit(lambda table: None, note)
                accepted += 1
        except NotRunning:
            pass
        closing.join()
        store._writer._batches._is_closed = False  # as seen by who looked before it closed
        store.submit(lambda table: None, note)
        assert len(answers) == accepted + 1
        assert isinstance(answers[-1], NotRunning)


def test_an_effect_during_a_change_finds_the_database_in_memory():
    """As with a signal handler at that point: the loop needs a lock of the thread that waits for the loop."""
    db = FX.CreateDB(type=DictDatabase, initial_state={"n": 1}) | run

    def work(table: Any) -> None:
        FX.UpdateDB(db=db, update={"n": 2}) | run
        assert FX.QueryDB(db=db, query=lambda state: state["n"]) | run == 2

    store_of(db).write(work)
    assert db["n"] == 2


@pytest.mark.parametrize(
    "use",
    [
        lambda db: db.__setitem__("finalized", 1),
        lambda db: FX.UpdateDB(db=db, insert={"finalized": 1}) | run,
        lambda db: FX.CloseDB(db=db) | run,
    ],
    ids=["a method", "an effect", "closing it"],
)
def test_a_finalizer_in_the_writer_s_thread_is_told_that_it_would_wait_for_itself(path, use):
    db = opened(path)
    errors: list[BaseException] = []

    class Finalized:
        def __del__(self) -> None:
            try:
                use(db)
            except BaseException as error:
                errors.append(error)

    store_of(db).write(lambda table: Finalized() and None)
    assert [type(error) for error in errors] == [WouldBlock]
    assert "zefnb-database" in str(errors[0])
    db["after"] = 1
    assert dict(db) == {"after": 1}


def test_a_finalizer_in_the_writer_s_thread_may_read_and_publish(path):
    db = opened(path, initial_state={"n": 1})
    found: list[Any] = []

    class Finalized:
        def __del__(self) -> None:
            found.append(db["n"])
            found.append(FX.Publish(target=ET.Topic("finalized"), content=1) | run)

    store_of(db).write(lambda table: Finalized() and None)
    assert found == [1, ET.Success()]


def test_a_finalizer_may_open_a_database_while_one_is_being_opened(path, monkeypatch):
    opening = Databases._known
    found: list[Any] = []

    def known(self: Any, place: str) -> Any:
        if not found:
            found.append(None)
            found.append(opened(path, initial_state={"by": "the finalizer"}))
        return opening(self, place)

    monkeypatch.setattr(Databases, "_known", known)
    db = opened(path, initial_state={"by": "the other"})
    assert db == found[1]
    assert dict(db) == {"by": "the finalizer"}
    assert len(OPEN) == 1
