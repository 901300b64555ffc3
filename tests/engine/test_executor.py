"""Calls of the loop in other threads, as by `asyncio.to_thread`."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from zefnb.engine.executor import MOST_THREADS
from zefnb.engine.iteration_loop import IterationLoop, SelectorIterationLoop

Run = Callable[[Coroutine[Any, Any, Any]], Any]


def loops() -> list[Callable[[], IterationLoop]]:
    try:
        from zefnb.engine.uv_loop import UvIterationLoop
    except ImportError:
        return [SelectorIterationLoop]
    return [SelectorIterationLoop, UvIterationLoop]


@pytest.fixture(params=loops())
def on_loop(request: pytest.FixtureRequest) -> Iterator[Run]:
    loop = request.param()
    yield lambda work: loop.run_until_complete(asyncio.wait_for(work, 20))
    loop.close()


def test_a_call_runs_in_another_thread_and_its_result_or_exception_is_returned(on_loop: Run):
    async def work() -> None:
        assert await asyncio.to_thread(threading.get_ident) != threading.get_ident()
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 / 0)

    on_loop(work())


@pytest.mark.parametrize("error", [StopIteration, SystemExit, KeyboardInterrupt])
def test_an_exception_that_no_future_takes_is_an_error_of_the_call(on_loop: Run, error: type[BaseException]):
    def fails() -> None:
        raise error

    async def work() -> None:
        with pytest.raises(RuntimeError, match=error.__name__):
            await asyncio.to_thread(fails)

    on_loop(work())


class Unreadable(BaseException):
    def __repr__(self) -> str:
        raise ValueError


def test_an_exception_without_a_text_is_an_error_of_the_call(on_loop: Run):
    def fails() -> None:
        raise Unreadable

    async def work() -> None:
        with pytest.raises(RuntimeError):
            await asyncio.to_thread(fails)

    on_loop(work())


def test_only_some_calls_run_at_once_and_the_others_follow(on_loop: Run):
    entered, may_end = threading.Semaphore(0), threading.Event()

    def waits() -> None:
        entered.release()
        may_end.wait(20)

    async def work() -> None:
        calls = [asyncio.ensure_future(asyncio.to_thread(waits)) for _ in range(MOST_THREADS)]
        while entered._value < MOST_THREADS:
            await asyncio.sleep(0.001)
        late = [asyncio.ensure_future(asyncio.to_thread(lambda n=n: n)) for n in range(50)]
        cancelled = asyncio.ensure_future(asyncio.to_thread(entered.release))
        await asyncio.sleep(0.05)
        assert not any(call.done() for call in late)
        cancelled.cancel()
        may_end.set()
        assert await asyncio.gather(*late) == list(range(50))
        await asyncio.gather(*calls)
        assert entered._value == MOST_THREADS

    on_loop(work())


def test_host_names_are_looked_up(on_loop: Run):
    async def work() -> None:
        found = await asyncio.get_running_loop().getaddrinfo("localhost", 80)
        assert found

    on_loop(work())


def test_an_executor_that_the_user_gives_is_used(on_loop: Run):
    async def work() -> None:
        with concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="mine") as mine:
            loop = asyncio.get_running_loop()
            assert (await loop.run_in_executor(mine, threading.current_thread)).name.startswith("mine")
            loop.set_default_executor(mine)
            assert (await asyncio.to_thread(threading.current_thread)).name.startswith("mine")

    on_loop(work())
