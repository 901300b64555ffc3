"""A runtime that a test makes for itself, beside the one of the process."""

from __future__ import annotations

import threading

import pytest

from zefnb import ET, FX, generate_uid, run
from zefnb.core.effect import DEFAULT_REGISTRY
from zefnb.engine.perform import run_on
from zefnb.engine.runtime import Runtime
from zefnb.errors import Interrupted, NotRunning


def test_a_test_can_replace_one_effect_by_another_registry():
    contents = []

    def log(runtime, *, content: object) -> str:
        contents.append(content)
        return "noted"

    runtime = Runtime(DEFAULT_REGISTRY.replacing(Log=log))
    try:
        assert run_on(runtime, FX.Log(content="x")) == "noted"
        assert contents == ["x"]
        assert FX.Log(content="elsewhere") | run == ET.Success()
    finally:
        runtime.close()


def test_unfinished_effects_are_interrupted_when_the_runtime_closes(nap, until):
    runtime = Runtime()
    raised = []

    def wait():
        try:
            run_on(runtime, FX.Nap(seconds=60))
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    until(lambda: nap == ["begun"])
    runtime.close()
    thread.join(20)
    assert [type(error) for error in raised] == [Interrupted]
    with pytest.raises(Interrupted):
        run_on(runtime, FX.Log(content="too late"))


def test_a_handler_that_outlives_its_runtime_prints_nothing(until):
    """Its result finds the loop closed; pytest fails on an exception in a thread."""
    runtime = Runtime()
    begun, go = threading.Event(), threading.Event()

    def handler(msg, state):
        begun.set()
        go.wait(20)
        return [[], state]

    actor = run_on(runtime, FX.StartActor(initial_state=0, handler=handler))
    run_on(runtime, FX.Publish(target=actor.input, content=1))
    assert begun.wait(20)
    runtime.close(timeout=0.1)
    workers = [thread for thread in threading.enumerate() if thread.name == "zefnb-handlers"]
    go.set()
    until(lambda: sum(worker.is_alive() for worker in workers) < len(workers))


def test_monitors_see_every_effect_with_its_result_and_a_failing_one_does_no_harm(nap):
    seen = []
    runtime = Runtime()
    try:
        runtime.monitors = (lambda effect, result: seen.append((effect, result)), lambda effect, result: 1 / 0)
        publish, nap_ = FX.Publish(target=ET.Topic("t"), content=1), FX.Nap(seconds=0)
        run_on(runtime, [publish, nap_])
        run_on(runtime, publish)
        run_on(runtime, nap_)
        assert seen == [(publish, ET.Success()), (nap_, "rested")] * 2
        with pytest.raises(NotRunning):
            run_on(runtime, FX.StopTimer(timer=ET.Timer(generate_uid())))
        assert isinstance(seen[-1][1], NotRunning)
    finally:
        runtime.close()


def test_closing_a_runtime_ends_its_thread():
    runtime = Runtime()
    run_on(runtime, FX.Log(content="x"))
    runtime.close()
    assert not runtime.thread._thread.is_alive()
    runtime.close()
