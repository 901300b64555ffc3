"""`run` and `await`: from scripts, threads, other loops, handlers; interrupted, and on a runtime of one's own."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect as open_connection

from tests.spec import sessions
from zefnb import ET, FX, collect, generate_uid, insert_into, run, zef_function
from zefnb.core.effect import DEFAULT_REGISTRY, effect
from zefnb.engine.perform import run_on
from zefnb.engine.runtime import Runtime, default_runtime
from zefnb.errors import Interrupted, InvalidEffect, NotRunning, WouldBlock


@pytest.fixture
def nap():
    """An effect that takes time, and reports how it ended."""
    story = []

    @effect("Nap")
    async def nap(runtime, *, seconds: float) -> str:
        """Sleep."""
        story.append("begun")
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            story.append("cancelled")
            raise
        story.append("done")
        return "rested"

    yield story
    del DEFAULT_REGISTRY.specs["Nap"]


def echo_routes():
    topic = ET.Topic(generate_uid())
    return {"/ws": ET.WebSocket(clients_subscribe_to=[topic], clients_push_into_=[topic])}


def test_when_run_returns_the_action_is_done(connect):
    server = FX.StartHTTPServer(routes=echo_routes(), port=0) | run
    client = connect(server)
    client.send("hi")
    assert client.recv(20) == "hi"
    FX.StopHTTPServer(server=server) | run
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", server.port))


def test_a_list_of_effects_is_performed_in_order_and_returns_a_list():
    answers = [FX.Log(content="a"), FX.Log(content="b"), FX.QueryLog(limit=2)] | run
    assert answers[:2] == [ET.Success(), ET.Success()]
    assert [entry["message"] for entry in answers[2]] == ["b", "a"]
    assert ([] | run) == []


def test_a_list_stops_at_its_first_failure_and_raises_it():
    effects = [FX.Log(content="before"), FX.StopTimer(timer=ET.Timer(generate_uid())), FX.Log(content="after")]
    with pytest.raises(NotRunning):
        effects | run
    assert [entry["message"] for entry in FX.QueryLog() | run] == ["before"]


def test_a_list_can_contain_effects_that_take_time(nap):
    assert [FX.Log(content=1), FX.Nap(seconds=0), FX.Log(content=2), FX.Nap(seconds=0)] | run == [
        ET.Success(),
        "rested",
        ET.Success(),
        "rested",
    ]


def test_a_chain_that_makes_an_effect_ends_with_run():
    message = "hi"
    assert message | insert_into(FX.Log(), "content") | run == ET.Success()
    assert message | insert_into(FX.Log(), "content") | collect == FX.Log(content="hi")


def test_fifty_threads_run_at_once_and_each_gets_its_own_result():
    answers = {}

    def work(n):
        actor = FX.StartActor(initial_state=n, handler=lambda m, s: [[], s]) | run
        answers[n] = (FX.QueryActorState(actor=actor) | run)[actor]

    threads = [threading.Thread(target=work, args=(n,)) for n in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert answers == {n: n for n in range(50)}


def test_await_works_in_an_existing_event_loop_without_blocking_it(nap):
    async def main():
        beats = 0

        async def beat():
            nonlocal beats
            while True:
                beats += 1
                await asyncio.sleep(0.001)

        beating = asyncio.create_task(beat())
        answer = await FX.Nap(seconds=0.2)
        assert (await FX.Publish(target=ET.Topic("t"), content=1)) == ET.Success()
        with pytest.raises(NotRunning):
            await FX.StopTimer(timer=ET.Timer(generate_uid()))
        with pytest.raises(InvalidEffect):
            await FX.Publish(content=1)
        both = await asyncio.gather(FX.Nap(seconds=0), FX.Log(content="x"))
        beating.cancel()
        return answer, both, beats

    answer, both, beats = asyncio.run(main())
    assert (answer, both) == ("rested", ["rested", ET.Success()])
    assert beats > 10


def test_a_cancelled_await_cancels_its_effect(nap, until):
    async def main():
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(_awaited(FX.Nap(seconds=60)), 0.1)

    asyncio.run(main())
    until(lambda: nap == ["begun", "cancelled"])


async def _awaited(effect_):
    return await effect_


def test_an_awaiting_loop_that_has_ended_does_no_harm(until):
    """The other loop is closed before its effect, which takes its time to be cancelled, is done."""
    story = []

    @effect("Linger")
    async def linger(runtime) -> None:
        """Go on for a while when cancelled."""
        try:
            story.append("begun")
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.2)
            story.append("ended")

    try:
        loop = asyncio.new_event_loop()
        task = loop.create_task(_awaited(FX.Linger()))
        while not story:
            loop.run_until_complete(asyncio.sleep(0.01))
        task.cancel()
        loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
        loop.close()
        assert story == ["begun"]
        until(lambda: story == ["begun", "ended"])
        assert FX.Log(content="a turn later") | run == ET.Success()
        assert FX.QueryLog(level="warning") | run == []
    finally:
        del DEFAULT_REGISTRY.specs["Linger"]


def test_an_incomplete_effect_raises_with_every_mistake_before_anything_happens():
    with pytest.raises(InvalidEffect) as caught:
        [FX.Log(content="first"), FX.StartTimer(interval=1)] | run
    assert [(fault.field, fault.problem) for fault in caught.value.faults] == [
        ("target", "missing"),
        ("content", "missing"),
    ]
    assert FX.QueryLog() | run == []


@pytest.mark.parametrize("wrong", [None, 5, "FX.Publish", [1], ET.Topic("t"), FX.Publish])
def test_run_on_a_value_that_is_no_effect_names_the_value(wrong):
    with pytest.raises(InvalidEffect, match=r"(?s)run: .*FX\.Something"):
        wrong | run


def test_a_run_with_a_wrong_argument_raises_a_clear_error():
    for rebound in (5, print, "run", None):
        with pytest.raises(InvalidEffect, match="from zefnb import run"):
            FX.Log(content="x") | rebound


def test_on_the_loop_quick_effects_are_performed_and_others_raise_with_advice(nap, until):
    answers = []

    @zef_function(inline=True)
    def handler(msg, state):
        answers.append(FX.Log(content="at once") | run)
        for slow in (FX.Nap(seconds=1), [FX.Log(content="not even this"), FX.Nap(seconds=1)]):
            try:
                slow | run
            except WouldBlock as error:
                answers.append(str(error))
        return [[], state]

    actor = FX.StartActor(initial_state=0, handler=handler) | run
    FX.Publish(target=actor.input, content=1) | run
    until(lambda: len(answers) == 3)
    assert answers[0] == ET.Success()
    assert all("FX.Nap" in text and "return it as an effect, or await it" in text for text in answers[1:])
    assert [entry["message"] for entry in FX.QueryLog() | run] == ["at once"]
    assert nap == []


def test_a_handler_in_its_thread_can_wait_even_for_its_own_actor(until):
    """A handler that stops its own actor, publishes to it or queries it does not hang."""
    answers = []

    def handler(msg, state, context):
        answers.append((FX.QueryActorState(actor=context.actor) | run)[context.actor])
        answers.append(FX.Publish(target=context.actor.input, content="more") | run)
        answers.append(FX.StopActor(actor=context.actor) | run)
        return [[], state]

    actor = FX.StartActor(initial_state="me", handler=handler) | run
    FX.Publish(target=actor.input, content=1) | run
    until(lambda: len(answers) == 3)
    assert answers == ["me", ET.Success(), ET.Success()]
    until(lambda: FX.ListActors() | run == [])


def test_a_connections_handler_can_stop_its_own_server(connect, until):
    done = []

    def handler(msg, state):
        if msg == "stop":
            done.append(FX.StopHTTPServer(server=state) | run)
        return [[], getattr(msg, "http_server", state)]

    actor = FX.StartActor(initial_state=None, handler=handler)
    server = FX.StartHTTPServer(routes={"/ws": ET.WebSocket(actor=actor)}, port=0) | run
    connect(server).send("stop")
    until(lambda: done == [ET.Success()], within=30)


class TestCtrlC:
    def test_ctrl_c_ends_the_wait_cancels_the_effect_and_the_loop_continues(self, nap, until):
        def interrupt():
            until(lambda: nap == ["begun"])
            os.kill(os.getpid(), signal.SIGINT)

        thread = threading.Thread(target=interrupt)
        thread.start()
        started = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            FX.Nap(seconds=60) | run
        assert time.monotonic() - started < 5
        thread.join(20)
        until(lambda: nap == ["begun", "cancelled"])
        assert FX.Nap(seconds=0) | run == "rested"

    def test_an_effect_cancelled_before_its_first_step_is_not_left_unawaited(self, nap, until):
        """Interrupted in the iteration of its submission: pytest fails on a coroutine that is never awaited."""
        runtime = default_runtime()
        from zefnb.engine.perform import Submission

        submission = Submission(runtime, [FX.Nap(seconds=60)], [None])

        def scene():
            submission.start()
            submission._cancel()

        runtime.call_queue.put(scene)
        until(lambda: submission.done)
        assert isinstance(submission.error, asyncio.CancelledError)
        assert nap == []

    def test_an_effect_cancelled_before_its_turn_is_not_performed(self, until):
        from zefnb.engine.perform import Submission

        submission = Submission(default_runtime(), [FX.Log(content="too late")], [None])
        submission.cancel()
        default_runtime().call_queue.put(submission.start)
        until(lambda: submission.done)
        assert FX.QueryLog() | run == []

    def test_a_script_is_interrupted_and_ends_with_its_server_closing_politely(self):
        code = (
            "from zefnb import *\n"
            "import time\n"
            "t = ET.Topic('t')\n"
            "s = FX.StartHTTPServer(routes={'/ws': ET.WebSocket(clients_subscribe_to=[t])}, port=0) | run\n"
            "print(s.port, flush=True)\n"
            "time.sleep(60)\n"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=sessions.environment()
        )
        with process:
            port = int(process.stdout.readline())
            with open_connection(f"ws://127.0.0.1:{port}/ws") as client:
                process.send_signal(signal.SIGINT)
                with pytest.raises(ConnectionClosed) as closed:
                    client.recv(20)
                assert closed.value.rcvd.code == 1001
            assert process.wait(20) != 0
            assert process.stderr.read().decode().strip().endswith("KeyboardInterrupt")

    def test_a_kernel_interrupt_ends_the_wait_and_the_server_continues(self, tmp_path, until):
        with sessions.kernel() as kernel:
            kernel.execute("from zefnb import *\nimport asyncio\nfrom zefnb.core.effect import effect\nstory = []")
            kernel.execute(
                "@effect('Nap')\n"
                "async def nap(runtime, *, seconds: float):\n"
                "    try:\n"
                "        story.append('begun')\n"
                f"        open({str(tmp_path / 'begun')!r}, 'x').close()\n"
                "        await asyncio.sleep(seconds)\n"
                "    except asyncio.CancelledError:\n"
                "        story.append('cancelled')\n"
                "        raise\n"
            )
            kernel.execute(
                "s = FX.StartHTTPServer(routes={'/ws': ET.WebSocket(clients_subscribe_to=[ET.Topic('t')])}, port=0)|run"
            )
            port = int(kernel.execute("s.port").value)
            with open_connection(f"ws://127.0.0.1:{port}/ws") as client:
                request = kernel.send("FX.Nap(seconds=60) | run")
                until((tmp_path / "begun").exists)
                kernel.manager.interrupt_kernel()
                assert kernel.outcome(request, within=30).error.startswith("KeyboardInterrupt")
                assert kernel.execute("story").value == "['begun', 'cancelled']"
                kernel.execute("FX.Publish(target=ET.Topic('t'), content='alive') | run")
                assert client.recv(20) == "alive"


def test_the_switch_interval_is_short_while_a_server_runs_and_restored_after():
    before = sys.getswitchinterval()
    first = FX.StartHTTPServer(routes=echo_routes(), port=0) | run
    second = FX.StartHTTPServer(routes=echo_routes(), port=0) | run
    assert sys.getswitchinterval() == pytest.approx(0.0005)
    FX.StopHTTPServer(server=first) | run
    assert sys.getswitchinterval() == pytest.approx(0.0005)
    FX.StopHTTPServer(server=second) | run
    assert sys.getswitchinterval() == pytest.approx(before)


def test_an_environment_variable_keeps_the_switch_interval(monkeypatch):
    monkeypatch.setenv("ZEFNB_SWITCH_INTERVAL", "keep")
    before = sys.getswitchinterval()
    FX.StartHTTPServer(routes=echo_routes(), port=0) | run
    assert sys.getswitchinterval() == before


def test_nothing_is_printed(capfd, connect):
    server = FX.StartHTTPServer(routes=echo_routes(), port=0) | run
    client = connect(server)
    client.send("hi")
    assert client.recv(20) == "hi"
    with pytest.raises(NotRunning):
        FX.StopTimer(timer=ET.Timer(generate_uid())) | run
    FX.StopHTTPServer(server=server) | run
    assert capfd.readouterr() == ("", "")


class TestARuntimeOfOnesOwn:
    def test_a_test_can_replace_one_effect_by_another_registry(self):
        said = []

        def log(runtime, *, content: object) -> str:
            said.append(content)
            return "noted"

        runtime = Runtime(DEFAULT_REGISTRY.replacing(Log=log))
        try:
            assert run_on(runtime, FX.Log(content="x")) == "noted"
            assert said == ["x"]
            assert FX.Log(content="elsewhere") | run == ET.Success()
        finally:
            runtime.close()

    def test_unfinished_effects_are_interrupted_when_the_runtime_closes(self, nap, until):
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

    def test_a_handler_that_outlives_its_runtime_prints_nothing(self, until):
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

    def test_monitors_see_every_effect_with_its_result_and_a_failing_one_does_no_harm(self, nap):
        seen = []
        runtime = Runtime()
        try:
            runtime.monitors = (lambda effect, answer: seen.append((effect, answer)), lambda effect, answer: 1 / 0)
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

    def test_closing_a_runtime_ends_its_thread(self):
        runtime = Runtime()
        run_on(runtime, FX.Log(content="x"))
        runtime.close()
        assert not runtime.thread._thread.is_alive()
        runtime.close()
