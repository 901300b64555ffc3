"""The loop reports the end of an iteration, and delays no callback."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from zefnb.engine.loop import LoopThread


@pytest.fixture
def thread() -> Iterator[LoopThread]:
    faults: list[BaseException] = []
    thread = LoopThread(on_escape=faults.append)
    thread.start()
    yield thread
    thread.stop()
    assert not faults


def on(thread: LoopThread, call: Callable[[], Any]) -> None:
    thread.loop.call_soon_threadsafe(call)


def test_the_end_of_an_iteration_follows_all_its_ready_callbacks(thread: LoopThread) -> None:
    order: list[str] = []
    done = threading.Event()

    def first() -> None:
        thread.loop.at_iteration_end(lambda: order.append("end"))
        order.append("first")

    def both() -> None:
        thread.loop.call_soon(first)
        thread.loop.call_soon(lambda: order.append("second"))
        thread.loop.call_later(0.01, done.set)

    on(thread, both)
    assert done.wait(20)
    assert order == ["first", "second", "end"]


def test_callbacks_added_at_the_end_of_an_iteration_belong_to_it(thread: LoopThread) -> None:
    again = threading.Event()
    on(thread, lambda: thread.loop.at_iteration_end(lambda: thread.loop.at_iteration_end(again.set)))
    assert again.wait(20)


def test_a_callback_scheduled_at_the_end_of_an_iteration_runs_without_delay(thread: LoopThread) -> None:
    done = threading.Event()
    on(thread, lambda: thread.loop.at_iteration_end(lambda: thread.loop.call_soon(done.set) and None))
    assert done.wait(20)


def test_a_timer_set_at_the_end_of_an_iteration_fires_on_time(thread: LoopThread) -> None:
    done = threading.Event()
    on(thread, lambda: thread.loop.at_iteration_end(lambda: thread.loop.call_later(0.01, done.set) and None))
    assert done.wait(20)


def test_a_task_created_at_the_end_of_an_iteration_runs_without_delay(thread: LoopThread) -> None:
    done = threading.Event()
    tasks: list[asyncio.Task[None]] = []

    async def work() -> None:
        await asyncio.sleep(0)
        done.set()

    on(thread, lambda: thread.loop.at_iteration_end(lambda: tasks.append(thread.loop.create_task(work()))))
    assert done.wait(20)


def test_simultaneous_wake_ups_of_the_loop_are_all_noticed(thread: LoopThread) -> None:
    heard = threading.Semaphore(0)
    thread.loop.on_wake = heard.release  # type: ignore[assignment]
    for _ in range(3):
        thread.loop.wake()
        assert heard.acquire(timeout=20)
    gate, begun = threading.Event(), threading.Event()

    def be_busy() -> None:
        begun.set()
        gate.wait(20)

    on(thread, be_busy)
    assert begun.wait(20)
    for _ in range(10_000):
        thread.loop.wake()
    gate.set()
    assert heard.acquire(timeout=20)


def test_call_soon_threadsafe_from_another_thread_wakes_it_too(thread: LoopThread) -> None:
    done = threading.Event()
    thread.loop.call_soon_threadsafe(done.set)
    assert done.wait(20)
