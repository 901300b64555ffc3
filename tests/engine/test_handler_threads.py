"""The handler threads: a slow handler delays only its own actor."""

from __future__ import annotations

import threading
import time

import pytest

from zefnb import ET, FX, generate_uid, run, zef_function
from zefnb.engine import handler_threads as runner_module
from zefnb.engine.handler_threads import MOST_THREADS
from zefnb.engine.runtime import default_runtime


def started(handler):
    return FX.StartActor(initial_state=0, handler=handler) | run


def send(actor, *messages):
    for message in messages:
        FX.Publish(target=actor.input, content=message) | run


def test_twenty_handlers_that_block_run_together_and_other_actors_continue(until):
    done, answers, all_blocked, gate = [], [], threading.Barrier(21), threading.Event()

    def blocks(msg, state):
        all_blocked.wait(20)
        gate.wait(20)
        done.append(msg)
        return [[], state]

    def quick(msg, state):
        answers.append(msg)
        return [[], state]

    blocked, other = [started(blocks) for _ in range(20)], started(quick)
    for n, actor in enumerate(blocked):
        send(actor, n)
    try:
        all_blocked.wait(20)
        for n in range(10):
            send(other, n)
            until(lambda n=n: n in answers)
        assert done == []
    finally:
        gate.set()
    until(lambda: sorted(done) == list(range(20)))


def test_a_handler_that_sleeps_delays_only_its_own_actor(until):
    story, others_are_done = [], threading.Event()

    def waits(msg, state):
        others_are_done.wait(20)
        story.append(msg)
        return [[], state]

    def handler(msg, state):
        story.append(msg)
        return [[], state]

    slow, quick = started(waits), started(handler)
    send(slow, "slow 1", "slow 2")
    send(quick, "quick 1", "quick 2")
    until(lambda: story == ["quick 1", "quick 2"])
    others_are_done.set()
    until(lambda: story == ["quick 1", "quick 2", "slow 1", "slow 2"])


def test_a_call_after_many_slow_ones_does_not_wait_for_each_to_be_found_slow(until, monkeypatch):
    # Long beside the time in which a busy machine starts a thread.
    monkeypatch.setattr(runner_module, "SLOW_AFTER", 0.1)
    gate, answered = threading.Event(), []

    def blocks(msg, state):
        gate.wait(20)
        return [[], state]

    def quick(msg, state):
        answered.append(time.monotonic())
        return [[], state]

    blocked, other = [started(blocks) for _ in range(MOST_THREADS - 4)], started(quick)
    try:
        for actor in blocked:
            send(actor, 1)
        begun = time.monotonic()
        send(other, 1)
        until(lambda: answered)
    finally:
        gate.set()
    assert answered[0] - begun < len(blocked) * runner_module.SLOW_AFTER / 2
    until(lambda: default_runtime().handler_threads.threads == 1)


def test_threads_are_started_on_demand_and_end_again(until):
    gate = threading.Event()

    def handler(msg, state):
        gate.wait(20)
        return [[], state + 1]

    runner = default_runtime().handler_threads
    actors = [started(handler) for _ in range(MOST_THREADS + 6)]
    for actor in actors:
        send(actor, 1)
    until(lambda: runner.threads == MOST_THREADS)
    assert not runner.is_idle
    gate.set()
    until(lambda: set((FX.QueryActorState() | run).values()) == {1})
    until(lambda: runner.threads == 1)
    assert runner.is_idle


def test_when_every_thread_is_busy_the_journal_names_the_handlers(until, monkeypatch):
    monkeypatch.setattr(runner_module, "MOST_THREADS", 4)
    gate = threading.Event()

    def holds(msg, state):
        gate.wait(20)
        return [[], state + 1]

    def told():
        return [e for e in FX.QueryLog(level="warning") | run if "wait for a thread" in e["message"]]

    try:
        for count in (1, 2):
            gate.clear()
            actors = [started(holds) for _ in range(6)]
            # Together: on a busy machine the report could come between two of them.
            [FX.Publish(target=actor.input, content=1) for actor in actors] | run
            until(lambda count=count: sum(entry["count"] for entry in told()) == count)
            gate.set()
            until(lambda actors=actors: all((FX.QueryActorState() | run)[actor] == 1 for actor in actors))
            until(lambda: default_runtime().handler_threads.threads == 1)
    finally:
        gate.set()
    (entry,) = told()
    assert entry["count"] == 2
    assert "2 calls of handlers wait for a thread: all 4 are used by" in entry["message"]
    assert "holds (4)" in entry["message"]


def test_messages_of_one_actor_are_handled_in_order_and_one_at_a_time(until):
    inside, seen = [], []

    def handler(msg, state):
        inside.append(msg)
        assert len(inside) == 1
        if msg % 50 == 0:
            time.sleep(0.02)
        seen.append(msg)
        inside.pop()
        return [[], state]

    actors = [started(handler)]
    send(actors[0], *range(300))
    until(lambda: len(seen) == 300)
    assert seen == list(range(300))
    assert FX.QueryLog(level="error") | run == []


def test_the_watchdog_sleeps_when_no_call_is_running(until):
    runner = default_runtime().handler_threads
    actor = started(lambda m, s: [[], s + 1])
    send(actor, 1)
    until(lambda: (FX.QueryActorState(actor=actor) | run)[actor] == 1)
    until(lambda: not runner._watching)


def test_the_watchdog_sleeps_during_a_known_slow_call_and_wakes_for_the_next_call(until):
    begun, gate, done = threading.Event(), threading.Event(), []

    def handler(msg, state):
        if msg == "slow":
            begun.set()
            gate.wait(20)
        done.append(msg)
        return [[], state]

    slow, quick = started(handler), started(handler)
    runner = default_runtime().handler_threads
    send(slow, "slow")
    assert begun.wait(20)
    until(lambda: not runner._watching and runner._current.busy_since is None)
    send(quick, "quick")
    until(lambda: done == ["quick"])
    gate.set()
    until(lambda: len(done) == 2)


@pytest.mark.parametrize("thrown", [SystemExit(1), KeyboardInterrupt(), GeneratorExit()])
def test_an_exception_of_a_handler_ends_neither_thread_nor_loop(thrown, until):
    def handler(msg, state):
        if msg == "throw":
            raise thrown
        return [[], state + 1]

    actor = started(handler)
    send(actor, "throw", 1, "throw", 1)
    until(lambda: (FX.QueryActorState(actor=actor) | run)[actor] == 2)


def test_a_call_on_the_loop_returns_its_result_or_raises_its_exception(until):
    topic = ET.Topic(generate_uid())
    states = {}

    @zef_function
    async def ask(msg, state):
        runner = default_runtime().handler_threads
        states["answer"] = await runner.call(sum, [1, 2])
        try:
            await runner.call(int, "x")
        except ValueError as error:
            states["error"] = str(error)
        try:
            await runner.call(exec, "raise SystemExit(3)")
        except RuntimeError as error:
            states["exit"] = str(error)
        return [[], "done"]

    actor = FX.StartActor(input=topic, initial_state=0, handler=ask) | run
    FX.Publish(target=topic, content=1) | run
    until(lambda: (FX.QueryActorState(actor=actor) | run)[actor] == "done")
    assert states == {"answer": 3, "error": "invalid literal for int() with base 10: 'x'", "exit": "SystemExit(3)"}
