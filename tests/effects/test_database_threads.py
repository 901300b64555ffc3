"""The threads of functions given to databases: those that wait leave threads for actors and for other functions."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from zefnb import ET, FX, DictDatabase, run
from zefnb.engine.runtime import default_runtime
from zefnb.store import thread_share
from zefnb.store.thread_share import ThreadShare

Ask = Callable[[int], list[Any]]


@pytest.fixture(params=["in_memory", "local_disk"])
def db(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Any]:
    place = {"path": tmp_path / "a.db"} if request.param == "local_disk" else {}
    made = FX.CreateDB(type=DictDatabase, persistence=request.param, initial_state={"n": 1}, **place) | run
    yield made
    FX.CloseDB(db=made) | run


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def at_once() -> Iterator[Callable[..., list[Any]]]:
    """`at_once(effects)`: performs them all at the same time; returns a list that has the results in the end."""
    threads = []

    def perform(effects: list[Any]) -> list[Any]:
        results: list[Any] = []

        async def all_of_them() -> None:
            results.extend(await asyncio.gather(*map(_performed, effects), return_exceptions=True))

        threads.append(threading.Thread(target=lambda: asyncio.run(all_of_them())))
        threads[-1].start()
        return results

    yield perform
    for thread in threads:
        thread.join()


def replies(until: Any) -> None:
    """An actor with a plain handler replies."""
    seen: list[Any] = []

    def hear(message: Any, state: Any) -> Any:
        seen.append(message)
        return [[], state]

    actor = FX.StartActor(initial_state=None, handler=hear) | run
    FX.Publish(target=actor.input, content="hello") | run
    until(lambda: seen == ["hello"])


def test_many_waiting_queries_leave_threads_for_actors_and_the_journal_names_them(
    db: Any, gate: Any, at_once: Any, until: Any
):
    def waits(everything: Any) -> Any:
        gate.wait(30)
        return len(everything)

    results = at_once([FX.QueryDB(db=db, query=waits) for _ in range(200)])
    share = default_runtime().service(ThreadShare)
    until(lambda: share._total == thread_share.ONE_FUNCTION_THREADS)
    replies(until)
    assert FX.QueryDB(db=db, query=lambda everything: everything["n"]) | run == 1
    assert FX.QueryDB(db=db, get="n") | run == 1
    [entry] = until(lambda: [e for e in FX.QueryLog(level="warning") | run if "wait for a thread" in e["message"]])
    assert "Functions of databases wait for a thread: " in entry["message"]
    assert "waits (24)" in entry["message"]
    gate.set()
    until(lambda: len(results) == 200)
    assert results == [1] * 200
    until(lambda: share._total == 0 and not share._waiting and not share._running)


def test_functions_that_change_values_share_these_threads(
    db: Any, gate: Any, at_once: Any, until: Any, monkeypatch: Any
):
    monkeypatch.setattr(thread_share, "DATABASE_THREADS", 3)
    monkeypatch.setattr(thread_share, "ONE_FUNCTION_THREADS", 2)
    running: list[str] = []

    def queries(everything: Any) -> str:
        running.append("query")
        gate.wait(30)
        return "done"

    def changes(value: Any) -> str:
        running.append("change")
        gate.wait(30)
        return "done"

    asked = [FX.QueryDB(db=db, query=queries) for _ in range(4)]
    wanted = [FX.UpdateDB(db=db, change={f"key {n}": changes}) for n in range(4)]
    results = at_once([*asked, *wanted])
    until(lambda: len(running) == 3)
    replies(until)
    assert sorted(running) in (["change", "query", "query"], ["change", "change", "query"])
    gate.set()
    until(lambda: len(results) == 8)
    assert results == ["done"] * 4 + [ET.Success(inserted=0, updated=0, removed=0, changed=1)] * 4
    assert len(db) == 5


def test_a_query_that_is_cancelled_while_it_waits_is_not_called(db: Any, gate: Any, until: Any, monkeypatch: Any):
    monkeypatch.setattr(thread_share, "ONE_FUNCTION_THREADS", 1)
    calls: list[int] = []

    def waits(everything: Any) -> None:
        calls.append(1)
        gate.wait(30)

    share = default_runtime().service(ThreadShare)

    async def first_and_second() -> None:
        first, second = (asyncio.ensure_future(_performed(FX.QueryDB(db=db, query=waits))) for _ in range(2))
        while sum(map(len, share._waiting.values())) < 1:
            await asyncio.sleep(0.002)
        second.cancel()
        while share._waiting:
            await asyncio.sleep(0.002)
        gate.set()
        await first

    asyncio.run(first_and_second())
    assert calls == [1]
    until(lambda: share._total == 0 and not share._running)


async def _performed(effect: Any) -> Any:
    return await effect


def test_functions_that_query_inside_need_no_second_thread_of_the_share(
    db: Any, gate: Any, at_once: Any, until: Any, monkeypatch: Any
):
    monkeypatch.setattr(thread_share, "DATABASE_THREADS", 2)
    running: list[int] = []

    def inner(everything: Any) -> int:
        return int(everything["n"])

    def outer(everything: Any) -> Any:
        running.append(1)
        gate.wait(30)
        return [FX.QueryDB(db=db, query=inner) | run, FX.UpdateDB(db=db, change={"n": lambda n: n}) | run]

    results = at_once([FX.QueryDB(db=db, query=outer) for _ in range(2)])
    until(lambda: len(running) == 2)  # all threads of the share are in use
    gate.set()
    until(lambda: len(results) == 2)
    assert [result[0] for result in results] == [1, 1]
    share = default_runtime().service(ThreadShare)
    until(lambda: share._total == 0 and not share._waiting)


def test_what_a_function_has_started_uses_the_share_once_the_function_has_returned(
    db: Any, gate: Any, at_once: Any, until: Any
):
    share, counts = default_runtime().service(ThreadShare), []

    def counted(everything: Any) -> None:
        counts.append(share._total)

    def ask(message: Any, state: Any) -> Any:
        FX.QueryDB(db=db, query=counted) | run
        return [[], state]

    actor = FX.QueryDB(db=db, query=lambda everything: FX.StartActor(initial_state=None, handler=ask) | run) | run
    until(lambda: share._total == 0)
    FX.Publish(target=actor.input, content="go") | run
    until(lambda: counts == [1])
