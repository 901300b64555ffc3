"""The call queue: one ordered queue from other threads to the loop. No call is left behind."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest

from tests.engine.interrupting import interrupt
from tests.spec.sessions import environment
from zefnb import ET, FX, generate_uid, run, zef_function
from zefnb.engine import call_queue
from zefnb.engine.runtime import Runtime, current_owner, default_runtime
from zefnb.errors import Interrupted


@pytest.fixture
def runtime():
    made = Runtime()
    yield made
    made.close()


def test_calls_are_made_on_the_loop_in_the_order_of_the_queue(runtime, until):
    made = []
    for n in range(5_000):
        runtime.call_queue.put(made.append, n)
    until(lambda: len(made) == 5_000)
    assert made == list(range(5_000))


@pytest.mark.parametrize("thrown", [ValueError, SystemExit, KeyboardInterrupt])
def test_a_call_that_raises_does_not_block_later_calls(runtime, thrown, until):
    made = []

    def fail():
        raise thrown("ouch")

    for n in range(1_000):
        runtime.call_queue.put(fail if n % 100 == 0 else made.append, *([] if n % 100 == 0 else [n]))
    until(lambda: len(made) == 990)
    assert runtime.thread.is_alive
    until(lambda: [entry["error"] for entry in runtime.journal.entries(level="error")] == [thrown.__name__])


def test_an_interrupt_during_publishing_leaves_no_call_stuck():
    """Wherever the interrupt occurs, later calls are made."""
    # In a process that coverage does not trace: of two traced threads, with an interrupt outstanding for a
    # third, CPython 3.11 lets neither go on.
    done = subprocess.run([sys.executable, "-m", "tests.engine.interrupting"], timeout=60, env=environment())
    assert done.returncode == 0


def test_a_publisher_that_is_faster_than_the_loop_waits_and_loses_nothing(until):
    topic, heard = ET.Topic(generate_uid()), []
    peak = 0

    @zef_function(inline=True)
    def slow_reader(msg, state):
        if msg % 500 == 0:
            time.sleep(0.01)
        heard.append(msg)
        return [[], state]

    FX.StartActor(input=topic, initial_state=0, handler=slow_reader) | run
    call_queue = default_runtime().call_queue
    for n in range(20_000):
        FX.Publish(target=topic, content=n) | run
        peak = max(peak, call_queue.waiting)
    until(lambda: len(heard) == 20_000, within=60)
    assert heard == list(range(20_000))
    assert peak <= 4_200


@pytest.fixture
def blocked(runtime, until):
    """A runtime whose loop waits until `release()`."""
    release, is_blocked = threading.Event(), threading.Event()
    runtime.call_queue.put(lambda: (is_blocked.set(), release.wait(20)))
    assert is_blocked.wait(20)
    runtime.release = release.set
    yield runtime
    release.set()


@pytest.mark.parametrize(("sizes", "pauses"), [([-1_024], False), ([0], True), ([1_024], True), ([-1, 0], True)])
def test_publishers_wait_from_this_many_bytes_of_waiting_content_on(blocked, until, sizes, pauses):
    queue, made = blocked.call_queue, []
    for part in sizes[:-1]:
        queue.put_content(part + call_queue.PAUSE_BYTES // 2, made.append, part)
    queue.put_content(call_queue.PAUSE_BYTES + sizes[-1] - queue.waiting_bytes, made.append, sizes[-1])
    assert queue.is_paused is pauses
    blocked.release()
    until(lambda: made == sizes)
    until(lambda: queue.waiting_bytes == 0 and not queue.is_paused)


def test_small_content_is_not_counted_and_more_is_counted_in_kibibytes(blocked):
    queue = blocked.call_queue
    for size, counted in [(0, 0), (1_023, 0), (1_024, 1_024), (1_025, 1_024), (5_000, 4_096)]:
        before = queue.waiting_bytes
        queue.put_content(size, int)
        assert queue.waiting_bytes - before == counted


@pytest.mark.parametrize(("count", "pauses"), [(-1, False), (0, True), (1, True)])
def test_publishers_wait_from_this_many_waiting_calls_on(blocked, count, pauses):
    queue = blocked.call_queue
    for _ in range(call_queue._PAUSE_LIMIT + count):
        queue.put(int)
    assert queue.is_paused is pauses


@pytest.mark.parametrize(("count", "must_wait"), [(-1, False), (0, True), (1, True)])
def test_paused_publishers_wait_until_half_of_the_calls_have_been_made(blocked, count, must_wait):
    queue = blocked.call_queue
    for _ in range(call_queue._PAUSE_LIMIT // 2 + count):
        queue.put(int)
    assert queue._must_wait is must_wait


@pytest.mark.parametrize(("units", "must_wait"), [(-1, False), (0, True), (1, True)])
def test_paused_publishers_wait_until_half_of_the_content_has_been_taken(blocked, units, must_wait):
    queue = blocked.call_queue
    queue.put_content(call_queue.PAUSE_BYTES // 2 + 1_024 * units, int)
    assert queue._must_wait is must_wait


@pytest.mark.parametrize("kind", [str, bytes, lambda text: {"picture": text}, lambda text: [[text], {"n": 1}]])
def test_a_publisher_of_long_content_waits_for_the_loop(blocked, kind, until):
    """It is resumed when half of the content has been taken."""
    from zefnb.engine.perform import run_on

    content, topic, published = kind("x" * (1 << 20)) if kind is not bytes else bytes(1 << 20), ET.Topic("t"), []

    def publish():
        for n in range(12):
            run_on(blocked, FX.Publish(target=topic, content=content))
            published.append(n)

    thread = threading.Thread(target=publish)
    thread.start()
    until(lambda: blocked.call_queue._waiting_callers)
    assert len(published) == call_queue.PAUSE_BYTES >> 20
    blocked.release()
    thread.join(20)
    assert len(published) == 12


def test_publishers_wait_for_slow_clients_but_the_loop_and_handlers_do_not(until):
    topic = ET.Topic(generate_uid())
    runtime = default_runtime()
    published = {}

    def publish_from(where):
        def handler(msg, state):
            FX.Publish(target=topic, content=1) | run
            published[where] = True
            return [[], state]

        return handler

    in_a_thread = FX.StartActor(initial_state=0, handler=publish_from("handler's thread")) | run
    on_the_loop = FX.StartActor(initial_state=0, handler=zef_function(inline=True)(publish_from("loop"))) | run
    lagging = object()
    runtime.call_queue.put(runtime.call_queue.pause_for, lagging)
    until(lambda: runtime.call_queue.is_paused)

    def outside(where, effects):
        effects | run
        published[where] = True

    threads = [
        threading.Thread(target=outside, args=("outside", FX.Publish(target=topic, content=1))),
        threading.Thread(target=outside, args=("a list from outside", [FX.Publish(target=topic, content=1)])),
    ]
    for thread in threads:
        thread.start()
    hub_publish(runtime, in_a_thread.input), hub_publish(runtime, on_the_loop.input)
    until(lambda: {"handler's thread", "loop"} <= published.keys())
    assert FX.Log(content="other effects pass") | run == ET.Success()
    assert published.keys() == {"handler's thread", "loop"}
    runtime.call_queue.put(runtime.call_queue.resume_for, lagging)
    for thread in threads:
        thread.join(20)
    assert published.keys() == {"handler's thread", "loop", "outside", "a list from outside"}


def hub_publish(runtime, topic):
    from zefnb.topics.hub import Hub

    runtime.call_queue.put(lambda: runtime.service(Hub).publish(topic, 1))


def test_ctrl_c_ends_the_wait_of_a_publisher(until):
    runtime = default_runtime()
    lagging, raised = object(), []
    runtime.call_queue.put(runtime.call_queue.pause_for, lagging)
    until(lambda: runtime.call_queue.is_paused)

    def publish():
        try:
            FX.Publish(target=ET.Topic("t"), content=1) | run
        except KeyboardInterrupt:
            raised.append("interrupted")

    thread = threading.Thread(target=publish)
    thread.start()
    until(lambda: runtime.call_queue._waiting_callers)
    interrupt(thread)
    thread.join(20)
    assert raised == ["interrupted"]
    runtime.call_queue.put(runtime.call_queue.resume_for, lagging)
    until(lambda: not runtime.call_queue.is_paused)


def test_closing_the_runtime_interrupts_a_waiting_publisher(until):
    from zefnb.engine.perform import run_on

    runtime = Runtime()
    runtime.call_queue.put(runtime.call_queue.pause_for, object())
    until(lambda: runtime.call_queue.is_paused)
    raised = []

    def publish():
        try:
            run_on(runtime, FX.Publish(target=ET.Topic("t"), content=1))
        except Interrupted as error:
            raised.append(error)

    thread = threading.Thread(target=publish)
    thread.start()
    until(lambda: runtime.call_queue._waiting_callers)
    runtime.close()
    thread.join(20)
    assert len(raised) == 1


def test_an_iteration_that_an_actors_thread_woke_does_not_make_it_the_owner_of_other_calls(runtime, until):
    owners = []
    somebody = object()
    token = current_owner.set(somebody)
    try:
        runtime.call_queue.put(lambda: owners.append(current_owner.get()))
        until(lambda: owners)
    finally:
        current_owner.reset(token)
    assert owners == [None]
