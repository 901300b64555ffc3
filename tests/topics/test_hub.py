"""The hub: one order for all, none lost, none doubled, none starved."""

from __future__ import annotations

import threading
import time
from itertools import groupby

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zefnb import ET, FX, generate_uid, identity, insert_into, run, zef_function
from zefnb.engine.runtime import default_runtime
from zefnb.topics.hub import Hub


def fresh_topic():
    return ET.Topic(generate_uid())


class Listener:
    """A subscriber that records its messages, on the loop."""

    def __init__(self, then=None):
        self.heard = []
        self.then = then

    def deliver(self, content):
        self.heard.append(content)
        if self.then is not None:
            self.then(content)


def on_loop(call):
    """Return the result of `call(hub)` on the loop."""
    runtime = default_runtime()
    done, answers = threading.Event(), []

    def work():
        try:
            answers.append(call(runtime.service(Hub)))
        finally:
            done.set()

    runtime.call_queue.put(work)
    assert done.wait(20)
    [answer] = answers
    return answer


def settle():
    """Everything published from here has been delivered, nested publishes included."""
    reached = threading.Event()
    on_loop(lambda hub: hub.after_delivery(reached.set))
    assert reached.wait(20)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    publishers=st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=40), min_size=1, max_size=8),
    listeners=st.integers(1, 5),
)
def test_all_subscribers_see_one_order_that_preserves_the_order_of_each_publisher(publishers, listeners):
    topics = [fresh_topic() for _ in range(3)]
    everyone = [Listener() for _ in range(listeners)]
    for listener in everyone:
        for topic in topics:
            on_loop(lambda hub, topic=topic, listener=listener: hub.subscribe(topic, listener, "test"))
    gate = threading.Barrier(len(publishers))

    def publish(who, plan):
        gate.wait()
        for number, topic in enumerate(plan):
            FX.Publish(target=topics[topic], content=(who, number)) | run

    threads = [threading.Thread(target=publish, args=each) for each in enumerate(publishers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    settle()
    first = everyone[0].heard
    assert all(listener.heard == first for listener in everyone)
    assert sorted(first) == [(who, n) for who, plan in enumerate(publishers) for n in range(len(plan))]
    for _, mine in groupby(sorted(first, key=lambda m: m[0]), key=lambda m: m[0]):
        numbers = [number for _, number in mine]
        assert numbers == sorted(numbers)
    for listener in everyone:
        for topic in topics:
            on_loop(lambda hub, topic=topic, listener=listener: hub.unsubscribe(topic, listener))


def test_twenty_threads_publish_ten_thousand_messages_and_none_is_lost_or_doubled():
    topic, everyone = fresh_topic(), [Listener(), Listener()]
    for listener in everyone:
        on_loop(lambda hub, listener=listener: hub.subscribe(topic, listener, "test"))

    def publish(who):
        for number in range(500):
            FX.Publish(target=topic, content=(who, number)) | run

    threads = [threading.Thread(target=publish, args=(who,)) for who in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    settle()
    assert everyone[0].heard == everyone[1].heard
    assert len(everyone[0].heard) == len(set(everyone[0].heard)) == 10_000
    on_loop(lambda hub: hub.delete(topic))


def test_a_publish_during_a_delivery_is_queued_and_not_nested():
    outer, inner = fresh_topic(), fresh_topic()
    story = []

    def scene(hub):
        first = Listener(
            lambda m: (story.append(f"first begins {m}"), hub.publish(inner, m), story.append("first ends"))
        )
        second = Listener(lambda m: story.append(f"second has {m}"))
        third = Listener(lambda m: story.append(f"inner has {m}"))
        hub.subscribe(outer, first, "test")
        hub.subscribe(outer, second, "test")
        hub.subscribe(inner, third, "test")
        hub.publish(outer, 1)
        hub.delete(outer), hub.delete(inner)

    on_loop(scene)
    assert story == ["first begins 1", "first ends", "second has 1", "inner has 1"]


def test_two_actors_that_reply_to_each_other_without_end_do_not_starve_the_loop():
    # With one the interpreter changes threads ten times as often, or this thread would wait for seconds.
    FX.StartHTTPServer(routes={"/": "a server"}, port=0) | run
    left, right = fresh_topic(), fresh_topic()

    @zef_function(inline=True)
    def to_right(msg, n):
        return [[FX.Publish(target=right, content=msg)], n + 1]

    @zef_function(inline=True)
    def to_left(msg, n):
        return [[FX.Publish(target=left, content=msg)], n + 1]

    ping = FX.StartActor(input=left, initial_state=0, handler=to_right) | run
    pong = FX.StartActor(input=right, initial_state=0, handler=to_left) | run
    FX.Publish(target=left, content="ball") | run
    counts = []
    for _ in range(20):
        started = time.monotonic()
        counts.append((FX.QueryActorState(actor=ping) | run)[ping])
        assert time.monotonic() - started < 10
    # Who asks without a pause has one turn of the loop for each question, and holds nobody up.
    assert len(set(counts)) > 10, "the game goes on meanwhile"
    bystander = fresh_topic()
    heard = Listener()
    on_loop(lambda hub: hub.subscribe(bystander, heard, "test"))
    FX.Publish(target=bystander, content="still here") | run
    FX.StopActor(actor=ping) | run
    FX.StopActor(actor=pong) | run
    settle()
    assert heard.heard == ["still here"]
    on_loop(lambda hub: hub.delete(bystander))


def test_a_delivery_goes_to_the_subscribers_at_the_time_of_the_publish():
    topic = fresh_topic()

    def scene(hub):
        late = Listener()
        leaver = Listener()
        changer = Listener(lambda m: (hub.subscribe(topic, late, "test"), hub.unsubscribe(topic, leaver)))
        hub.subscribe(topic, changer, "test")
        hub.subscribe(topic, leaver, "test")
        hub.publish(topic, 1)
        hub.publish(topic, 2)
        hub.delete(topic)
        return changer.heard, leaver.heard, late.heard

    assert on_loop(scene) == ([1, 2], [1], [2])


def test_a_new_subscriber_receives_no_message_that_was_published_before():
    first, second = fresh_topic(), fresh_topic()

    def scene(hub):
        early, late = Listener(), Listener()

        def publish_then_change(message):
            hub.publish(second, "while early was there")
            hub.unsubscribe(second, early)
            hub.subscribe(second, late, "test")
            hub.publish(second, "while late was there")

        hub.subscribe(second, early, "test")
        hub.subscribe(first, Listener(publish_then_change), "test")
        hub.publish(first, "go")
        hub.delete(first), hub.delete(second)
        return early.heard, late.heard

    assert on_loop(scene) == (["while early was there"], ["while late was there"])


@pytest.mark.parametrize("op_kind", ["library op", "function in a thread", "async function"])
def test_publish_then_unsubscribe_from_a_thread_act_in_that_order(op_kind, until):
    source, target = fresh_topic(), fresh_topic()
    heard = Listener()
    on_loop(lambda hub: hub.subscribe(target, heard, "test"))
    ops = {
        "library op": insert_into(FX.Publish(target=target), "content"),
        "function in a thread": lambda m: FX.Publish(target=target, content=m),
        "async function": zef_function(_async_publisher(target)),
    }
    for round_ in range(20):
        done = FX.SubscribeFX(topic=source, op=ops[op_kind]) | run
        for n in range(10):
            FX.Publish(target=source, content=(round_, n)) | run
        FX.Unsubscribe(subscription=done.subscription) | run
        FX.Publish(target=source, content="after the end") | run
    until(lambda: len(heard.heard) >= 200)
    settle()
    assert sorted(heard.heard) == [(round_, n) for round_ in range(20) for n in range(10)]
    on_loop(lambda hub: hub.delete(target))


def _async_publisher(target):
    async def answer(message):
        return FX.Publish(target=target, content=message)

    return answer


def test_an_unsubscribe_waits_for_earlier_queued_publishes(until):
    """Also while the hub is busy: here it is called during a delivery."""
    first, source, target = fresh_topic(), fresh_topic(), fresh_topic()
    heard = Listener()
    done = FX.SubscribeFX(topic=source, op=insert_into(FX.Publish(target=target), "content")) | run

    def scene(hub):
        def publish_then_unsubscribe(message):
            hub.publish(source, "before the end")
            FX.Unsubscribe(subscription=done.subscription) | run
            hub.publish(source, "after the end")

        hub.subscribe(target, heard, "test")
        hub.subscribe(first, Listener(publish_then_unsubscribe), "test")
        hub.publish(first, "go")
        hub.delete(first)

    on_loop(scene)
    settle()
    assert heard.heard == ["before the end"]
    on_loop(lambda hub: hub.delete(target))


@pytest.mark.parametrize("kind", [list, dict, bytearray, "in an entity", "through a list of effects"])
def test_mutable_content_is_copied_when_it_is_accepted(kind):
    topic, heard = fresh_topic(), Listener()
    on_loop(lambda hub: hub.subscribe(topic, heard, "test"))
    inner = {list: [1], dict: {"n": 1}, bytearray: bytearray(b"1")}.get(kind, [1])
    content = ET.Note(rows=inner) if kind == "in an entity" else inner
    publish = FX.Publish(target=topic, content=content)
    ([publish] if kind == "through a list of effects" else publish) | run
    if isinstance(inner, dict):
        inner["n"] = 2
    else:
        inner[0] = 50
    settle()
    now = {list: [1], dict: {"n": 1}, bytearray: bytearray(b"1"), "in an entity": ET.Note(rows=[1])}.get(kind, [1])
    assert heard.heard == [now]
    on_loop(lambda hub: hub.delete(topic))


def test_a_handler_that_changes_its_content_after_publishing_changes_nothing_for_receivers(until):
    """The state and the message are the same list: the next call changes one of them only."""
    topic, seen = fresh_topic(), []
    reader = FX.StartActor(input=topic, initial_state=None, handler=lambda m, s: (seen.append(m), [[], s])[1]) | run

    @zef_function(inline=True)
    def collect_names(msg, names):
        names.append(msg)
        return [[FX.Publish(target=topic, content=names)], names]

    actor = FX.StartActor(initial_state=[], handler=collect_names) | run
    [FX.Publish(target=actor.input, content=n) for n in range(3)] | run
    until(lambda: len(seen) == 3)
    assert seen == [[0], [0, 1], [0, 1, 2]]
    assert reader


class Poison(Exception):
    pass


@pytest.mark.parametrize("thrown", [Poison("no"), SystemExit(3), KeyboardInterrupt()])
def test_a_subscriber_that_raises_is_in_the_journal_and_the_others_receive_the_message(thrown, until):
    topic = fresh_topic()
    before, after = Listener(), Listener()

    def fail(message):
        raise thrown

    def scene(hub):
        for listener in (before, Listener(fail), after):
            hub.subscribe(topic, listener, "test")

    on_loop(scene)
    FX.Publish(target=topic, content=1) | run
    FX.Publish(target=topic, content=2) | run
    settle()
    assert before.heard == after.heard == [1, 2]
    until(lambda: [entry["count"] for entry in FX.QueryLog(filter={"topic": topic}) | run] == [2])
    [entry] = FX.QueryLog(filter={"topic": topic}) | run
    assert entry["error"] == type(thrown).__name__
    on_loop(lambda hub: hub.delete(topic))


def test_publishing_without_subscribers_succeeds_and_leaves_nothing_behind():
    before = len(on_loop(lambda hub: hub.topics()))
    assert FX.Publish(target=fresh_topic(), content=1) | run == ET.Success()
    settle()
    assert len(on_loop(lambda hub: hub.topics())) == before


def test_a_topic_without_subscribers_is_forgotten():
    topic, listener = fresh_topic(), Listener()
    assert on_loop(lambda hub: hub.subscribe(topic, listener, "test")) == 1
    assert on_loop(lambda hub: hub.subscribers(topic)) == (listener,)
    assert on_loop(lambda hub: hub.unsubscribe(topic, listener)) is True
    assert on_loop(lambda hub: hub.unsubscribe(topic, listener)) is False
    assert topic not in [state.topic for state in on_loop(lambda hub: hub.topics())]


def test_a_plain_name_and_an_equal_uid_are_the_same_topic():
    heard = Listener()
    on_loop(lambda hub: hub.subscribe(ET.Topic("chat"), heard, "test"))
    FX.Publish(target=ET.Topic("chat"), content="hi") | run
    settle()
    assert heard.heard == ["hi"]
    on_loop(lambda hub: hub.delete(ET.Topic("chat")))


def test_endless_deliveries_yield_to_the_loop_after_a_few_milliseconds(until):
    """Each delivery takes a millisecond, so many would block the loop: between them other callbacks run."""
    runtime, topic = default_runtime(), ET.Topic(generate_uid())
    hub, order = runtime.service(Hub), []

    class Slow:
        def deliver(self, message):
            order.append(message)
            time.sleep(0.001)
            if message < 50:
                hub.publish(topic, message + 1)

    def watch():
        if order[-1:] != [50]:
            order.append("turn")
            runtime.loop.call_soon(watch)

    def begin():
        hub.subscribe(topic, Slow(), "test")
        runtime.loop.call_soon(watch)
        hub.publish(topic, 0)

    runtime.call_queue.put(begin)
    until(lambda: order[-1:] == [50])
    FX.DeleteTopic(topic=topic) | run
    longest = max(len(list(group)) for is_turn, group in groupby(order, key=lambda each: each == "turn") if not is_turn)
    assert longest <= 10
    assert [each for each in order if each != "turn"] == list(range(51))


def test_topics_mapped_in_a_circle_are_visited_once():
    first, second = fresh_topic(), fresh_topic()
    there = FX.MapTopic(source=first, target=second, op=identity) | run
    back = FX.MapTopic(source=second, target=first, op=identity) | run
    assert on_loop(lambda hub: hub.are_congested([first])) is False
    for each in (there, back):
        FX.Unsubscribe(subscription=each.subscription) | run
    assert on_loop(lambda hub: hub.are_congested([first])) is False
