"""All messages at once: one order, copies, back-pressure, and what is published when it ends early."""

from __future__ import annotations

import asyncio
import itertools
import signal
import threading
import time

import pytest

from zefnb import ET, FX, generate_uid, length, run, zef_function
from zefnb.engine.call_queue import PAUSE_BYTES
from zefnb.engine.runtime import default_runtime
from zefnb.errors import InvalidValue
from zefnb.replay.publish_all import copied
from zefnb.topics.hub import Hub

MANY = 1000


def publish(feed, contents):
    return (FX.PublishAll(target=feed, contents=contents) | run).published


@pytest.mark.parametrize(
    "contents",
    [
        [f"text {n}" for n in range(MANY)],
        [f"Zürich {n}" for n in range(MANY)],
        [b"%d" % n for n in range(MANY)],
        list(range(MANY)),
        [{"n": n, "half": n / 2} for n in range(MANY)],
        [{"n": [n]} for n in range(MANY)],
        [ET.Foo(n=n) for n in range(MANY)],
        ["text", 1, None, {"n": 1}, b"bytes"] * (MANY // 5),
    ],
    ids=["text", "other text", "bytes", "numbers", "rows", "nested", "entities", "mixed"],
)
def test_all_arrive_in_order_between_those_before_and_after(feed, heard, until, contents):
    FX.Publish(target=feed, content="before") | run
    assert publish(feed, contents) == MANY
    FX.Publish(target=feed, content="after") | run
    until(lambda: len(heard.messages) == MANY + 2)
    assert heard.messages == ["before", *contents, "after"]


def test_each_is_a_copy(feed, heard, until):
    same, nested = {"n": 1}, {"n": [1]}
    publish(feed, [same, same, nested, nested])
    until(lambda: len(heard.messages) == 4)
    assert len({id(message) for message in (*heard.messages, same, nested)}) == 6
    assert heard.messages[2]["n"] is not heard.messages[3]["n"]
    assert heard.messages[2]["n"] is not nested["n"]


def test_clients_get_them_as_they_get_single_ones(feed, connect):
    server = FX.StartHTTPServer(routes={"/ws": ET.WebSocket(clients_subscribe_to=[feed])}, port=0) | run
    contents = ["text", b"bytes", {"n": 1.5}, [1, None], ET.Foo(a="ä")]
    with connect(server) as client:
        for content in contents:
            FX.Publish(target=feed, content=content) | run
        single = [client.recv(timeout=20) for _ in contents]
        publish(feed, contents)
        assert [client.recv(timeout=20) for _ in contents] == single


def test_a_message_that_cannot_be_sent_is_named_and_those_before_are_published(feed, heard, until, connect):
    server = FX.StartHTTPServer(routes={"/ws": ET.WebSocket(clients_subscribe_to=[feed])}, port=0) | run
    with connect(server) as client:
        until(lambda: default_runtime().service(Hub).state(feed._uid).sockets)
        contents = [*({"n": n} for n in range(300)), {"n": object()}, {"n": 301}]
        with pytest.raises(InvalidValue, match=r"FX.PublishAll: contents\[300\]: .*the 300 before it are published"):
            publish(feed, contents)
        FX.Publish(target=feed, content="after") | run
        assert [client.recv(timeout=20) for _ in range(301)][-1] == "after"
    assert heard.messages == [*contents[:300], "after"]


def test_the_messages_before_an_exception_of_the_iterator_are_published(feed, heard, until):
    with pytest.raises(ZeroDivisionError):
        publish(feed, (1 // (2 - n) for n in range(5)))
    until(lambda: heard.messages == [0, 1])


def test_a_slow_iterator_holds_no_message_back(feed, heard, until):
    def source():
        yield 1
        until(lambda: heard.messages == [1])
        yield 2

    assert publish(feed, source()) == 2


def test_it_waits_while_much_waits_for_the_loop(feed, heard, until):
    runtime, go = default_runtime(), threading.Event()
    FX.ListTimers() | run
    big = "x" * 20_000
    runtime.call_queue.put(go.wait, 20)
    started = time.monotonic()
    threading.Timer(0.2, go.set).start()
    assert publish(feed, [big] * 1000) == 1000
    assert time.monotonic() - started > 0.1, "it has waited for the loop"
    until(lambda: len(heard.messages) == 1000)


def test_what_waits_is_bounded(feed, heard, until):
    runtime, go = default_runtime(), threading.Event()
    FX.ListTimers() | run
    runtime.call_queue.put(go.wait, 20)
    thread = threading.Thread(target=publish, args=(feed, ["x" * 20_000] * 1000))
    thread.start()
    until(lambda: runtime.call_queue.is_paused)
    assert runtime.call_queue.waiting_bytes < 2 * PAUSE_BYTES
    go.set()
    thread.join(20)
    until(lambda: len(heard.messages) == 1000)


def test_ctrl_c_ends_it_between_two_messages(feed, heard, until):
    FX.ListTimers() | run
    numbers = itertools.count()

    def source():
        for n in numbers:
            if n == 500:
                signal.raise_signal(signal.SIGINT)
            yield n

    with pytest.raises(KeyboardInterrupt):
        publish(feed, source())
    until(lambda: len(heard.messages) == 500)
    assert heard.messages == list(range(500))
    assert publish(feed, ["after"]) == 1
    until(lambda: heard.messages[-1] == "after")


def test_the_loop_takes_other_work_between_the_parts(feed, heard, until):
    """A part takes a whole iteration, so that sockets get their turn."""
    iterations = []
    runtime = default_runtime()
    FX.ListTimers() | run

    def count():
        if len(heard.messages) < 20_000:
            iterations.append(len(heard.messages))
            runtime.loop.call_soon(count)

    runtime.call_queue.put(count)
    publish(feed, ["x"] * 20_000)
    until(lambda: len(heard.messages) == 20_000)
    assert max(after - before for before, after in itertools.pairwise(iterations)) <= 512


def test_a_handler_returns_it_as_an_effect(feed, heard, until):
    @zef_function
    def begin(message, state):
        return [
            [FX.PublishAll(target=feed, contents=(n for n in range(message))), FX.Publish(target=feed, content="x")],
            0,
        ]

    actor = FX.StartActor(initial_state=0, handler=begin) | run
    FX.Publish(target=actor.input, content=600) | run
    until(lambda: heard.messages and heard.messages[-1] == "x")
    assert heard.messages == [*range(600), "x"]


def test_it_is_awaited_without_blocking_the_loop_of_the_caller(feed, heard, until):
    async def main():
        ticks = []

        async def tick():
            while True:
                ticks.append(0)
                await asyncio.sleep(0)

        ticking = asyncio.create_task(tick())
        done = await FX.PublishAll(target=feed, contents=[{"n": n} for n in range(3000)])
        ticking.cancel()
        return done, len(ticks)

    done, ticks = asyncio.run(main())
    assert done == ET.Success(published=3000)
    assert ticks > 1
    until(lambda: len(heard.messages) == 3000)


def test_rows_of_a_recording_are_their_messages(feed, heard, until):
    tape = FX.StartRecording(topics=[ET.Topic("rows")]) | run
    publish(ET.Topic("rows"), ["a", {"b": 1}])
    FX.StopRecording(recording=tape) | run
    publish(feed, tape)
    until(lambda: heard.messages == ["a", {"b": 1}])


def test_rows_without_a_subscriber_that_encodes_are_copied_in_one_step(feed):
    hub = default_runtime().service(Hub)
    rows = [{"n": n} for n in range(3)]
    copies, error = copied(hub, feed._uid, rows, 0)
    assert (copies, error) == (rows, None)
    assert not {id(row) for row in rows} & {id(copy) for copy in copies}


class TestHandlersMeanwhile:
    """While much waits for the loop, as after `FX.PublishAll`, the results of handlers do not wait behind it."""

    @pytest.fixture
    def other(self, clean):
        """A topic with a subscriber, so that its messages take time."""
        topic = ET.Topic(generate_uid())
        FX.SubscribeFX(topic=topic, op=length) | run
        return topic

    def test_a_result_is_made_before_what_waits(self, heard, until):
        queue, blocked, go, made = default_runtime().call_queue, threading.Event(), threading.Event(), []

        def block():
            blocked.set()
            go.wait(20)

        queue.put(block)
        until(blocked.is_set)
        for n in range(1000):
            queue.put(made.append, n)
        queue.put_result(made.append, "result")
        go.set()
        until(lambda: len(made) == 1001)
        assert made == ["result", *range(1000)]

    def test_a_reply_comes_before_the_messages_that_wait(self, feed, heard, until):
        queue, begun, answer = default_runtime().call_queue, threading.Event(), threading.Event()
        blocked, go = threading.Event(), threading.Event()

        def block():
            blocked.set()
            go.wait(20)

        @zef_function
        def reply(message, state):
            begun.set()
            answer.wait(20)
            return [[FX.Publish(target=feed, content="reply")], state]

        actor = FX.StartActor(initial_state=0, handler=reply) | run
        FX.Publish(target=actor.input, content="question") | run
        until(begun.is_set)
        queue.put(block)
        until(blocked.is_set)
        publish(feed, ["x" * 100] * 5000)
        answer.set()
        until(lambda: queue._results)
        go.set()
        until(lambda: len(heard.messages) == 5001)
        assert heard.messages[0] == "reply"

    def test_what_a_handler_publishes_itself_stays_before_its_effects(self, feed, heard, other, until):
        @zef_function
        def both(message, state):
            FX.Publish(target=feed, content=("by run", message)) | run
            return [[FX.Publish(target=feed, content=("as effect", message))], state]

        actor = FX.StartActor(initial_state=0, handler=both) | run
        for n in range(4):
            FX.Publish(target=actor.input, content=n) | run
            publish(other, ["x"] * 3000)
        until(lambda: len(heard.messages) == 8)
        assert heard.messages == [(way, n) for n in range(4) for way in ("by run", "as effect")]
