"""A lock that its holder lends to the loop while it waits for it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import Until
from zefnb.engine.lent_lock import LentLock
from zefnb.engine.runtime import Runtime, default_runtime


@pytest.fixture
def runtime() -> Runtime:
    return default_runtime()


def wait_for(runtime: Runtime, call: Callable[[], Any]) -> Any:
    """As `run` does: let the loop make `call`, and wait for its result."""
    from zefnb.engine.waker import thread_waker

    waker, returned = thread_waker(), []

    def there() -> None:
        returned.append(call())
        waker.wake()

    runtime.call_queue.put(there)
    runtime.wait(lambda: bool(returned))
    return returned[0]


def test_the_loop_proceeds_when_the_holder_of_the_lock_waits_for_it(runtime: Runtime) -> None:
    lock = LentLock()

    def inside_twice() -> str:
        with lock, lock:
            return "passed"

    with lock:
        assert wait_for(runtime, inside_twice) == "passed"
        assert wait_for(runtime, inside_twice) == "passed"
    taken = []
    thread = threading.Thread(target=lambda: lock.__enter__() or taken.append(lock.__exit__()))
    thread.start()
    thread.join(20)
    assert taken, "as often released as taken"


def test_the_loop_waits_for_a_holder_that_does_not_wait_for_it(runtime: Runtime, until: Until) -> None:
    lock, order, holds, let_go = LentLock(), [], threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            holds.set()
            let_go.wait(20)
            order.append("the holder")

    def take() -> None:
        begun.set()
        with lock:
            order.append("the loop")

    holder, begun = threading.Thread(target=hold), threading.Event()
    holder.start()
    holds.wait(20)
    runtime.call_queue.put(take)
    begun.wait(20)
    # Another thread that waits for the loop, and does not hold the lock, lends nothing.
    other = threading.Thread(target=wait_for, args=(runtime, int))
    other.start()
    assert not until_or_none(until, lambda: order, within=0.3)
    let_go.set()
    until(lambda: len(order) == 2)
    assert order == ["the holder", "the loop"]
    holder.join(20)
    other.join(20)


def until_or_none(until: Until, condition: Callable[[], Any], within: float) -> Any:
    try:
        return until(condition, within=within)
    except AssertionError:
        return None


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="LEFT OUT: no interval timers here")
def test_a_signal_handler_can_wait_for_the_loop_at_any_point(runtime: Runtime) -> None:
    lock, struck = LentLock(), []

    def take() -> None:
        with lock:
            pass

    def handler(*_: object) -> None:
        wait_for(runtime, take)
        struck.append(None)

    before = signal.signal(signal.SIGALRM, handler)
    try:
        while len(struck) < 50:
            mine = len(struck)  # counted first, since a busy machine can take longer than the timer for one line
            signal.setitimer(signal.ITIMER_REAL, 0.0005)
            while len(struck) == mine:
                with lock, lock:
                    pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert lock._borrowed == {}
    wait_for(runtime, take)
