"""Messages that cause themselves: followed for a while, then dropped and named, without effect on others."""

from __future__ import annotations

import asyncio
import threading
from itertools import pairwise
from types import SimpleNamespace

import pytest

from zefnb import ET, FX, generate_uid, insert_into, run, zef_function
from zefnb.engine.runtime import default_runtime
from zefnb.topics import causes
from zefnb.topics.causes import MAX_RETURNS, may_return
from zefnb.topics.hub import Hub
from zefnb.topics.subscriptions import Subscriptions


def topics(count):
    return [ET.Topic(generate_uid()) for _ in range(count)]


def named():
    """The entries on messages that cause themselves."""
    return [entry for entry in FX.QueryLog(level="error") | run if "causes itself" in entry["message"]]


@pytest.fixture
def limit(monkeypatch):
    """A small limit of returns, which a loop soon reaches; the real limit works the same."""
    monkeypatch.setattr(causes, "MAX_RETURNS", 20)
    return 20


@pytest.fixture
def listen(until):
    """`listen(topic)` returns a list that collects its messages from now on."""

    def start(topic):
        heard = []

        @zef_function(inline=True)
        def hear(message, state):
            heard.append(message)
            return [[], state]

        FX.StartActor(input=topic, initial_state=None, handler=hear) | run
        return heard

    return start


def from_a_thread(a, b):
    FX.SubscribeFX(topic=a, op=lambda m: FX.Publish(target=a, content=m)) | run


def by_run_in_a_thread(a, b):
    def publish(message):
        FX.Publish(target=a, content=message) | run

    FX.SubscribeFX(topic=a, op=publish) | run


def by_a_list_that_is_run_in_a_thread(a, b):
    def publish(message):
        [FX.Publish(target=a, content=message)] | run

    FX.SubscribeFX(topic=a, op=publish) | run


def on_the_loop(a, b):
    FX.SubscribeFX(topic=a, op=insert_into(FX.Publish(target=a), "content")) | run


def from_a_coroutine(a, b):
    async def publish(message):
        await asyncio.sleep(0)
        return FX.Publish(target=a, content=message)

    FX.SubscribeFX(topic=a, op=zef_function(publish)) | run


def by_await_in_a_coroutine(a, b):
    async def publish(message):
        await FX.Publish(target=a, content=message)

    FX.SubscribeFX(topic=a, op=zef_function(publish)) | run


def by_a_map(a, b):
    FX.MapTopic(source=a, target=a, op=lambda m: m) | run


def over_two_topics(a, b):
    FX.MapTopic(source=a, target=b, op=lambda m: m) | run
    FX.SubscribeFX(topic=b, op=insert_into(FX.Publish(target=a), "content")) | run


def doubling_at_each_round(a, b):
    FX.MapTopic(source=a, target=b, op=lambda m: m) | run
    FX.MapTopic(source=b, target=a, op=lambda m: m) | run
    FX.MapTopic(source=b, target=a, op=lambda m: m) | run


def through_an_actor(a, b, **kind):
    @zef_function(**kind)
    def answer(message, count):
        return [[FX.Publish(target=a, content=message)], count + 1]

    FX.StartActor(input=b, initial_state=0, handler=answer) | run
    FX.MapTopic(source=a, target=b, op=lambda m: m) | run


def through_an_inline_actor(a, b):
    through_an_actor(a, b, inline=True)


def after_another_effect_that_takes_time(a, b):
    (
        FX.SubscribeFX(
            topic=a,
            op=lambda m: [FX.QueryActorState(transform=lambda state: state), FX.Publish(target=a, content=m)],
        )
        | run
    )


LOOPS = [
    from_a_thread,
    by_run_in_a_thread,
    by_a_list_that_is_run_in_a_thread,
    on_the_loop,
    from_a_coroutine,
    by_await_in_a_coroutine,
    by_a_map,
    over_two_topics,
    doubling_at_each_round,
    through_an_actor,
    through_an_inline_actor,
    after_another_effect_that_takes_time,
]


@pytest.mark.parametrize("loop", LOOPS, ids=lambda loop: loop.__name__)
def test_a_message_that_causes_itself_is_dropped_and_named_once(loop, limit, listen, until):
    a, b = topics(2)
    heard = listen(a)
    loop(a, b)
    FX.Publish(target=a, content="once") | run
    until(named, within=60)
    until(lambda: quiet(heard), within=60)
    assert limit / 2 <= len(heard) <= 2 * limit + 2
    [entry] = named()
    assert entry["topic"] in (a, b)
    assert repr(entry["topic"]) in entry["message"]
    assert entry["handler"] in entry["message"]


def quiet(heard):
    """Return whether nothing more arrives: no handler runs, and the hub has delivered everything."""
    before, settled = len(heard), threading.Event()
    runtime = default_runtime()
    runtime.call_queue.put(lambda: runtime.service(Hub).after_delivery(settled.set))
    return settled.wait(1) and runtime.handler_threads.is_idle and not busy_actors() and len(heard) == before


def busy_actors():
    listeners = default_runtime().service(Subscriptions)
    return [one for one in listeners if one.progress.handled < one.progress.received]


def test_each_message_from_outside_has_a_new_count_and_the_entry_counts_dropped_messages(listen, until):
    [topic] = topics(1)
    heard = listen(topic)
    on_the_loop(topic, None)
    for number in range(3):
        FX.Publish(target=topic, content=number) | run
    until(lambda: named() and named()[0]["count"] == 3)
    assert len(named()) == 1
    assert [heard.count(number) for number in range(3)] == [MAX_RETURNS + 2] * 3


def test_other_subscribers_of_the_topic_of_a_loop_lose_nothing(limit, listen, until):
    topic, other = topics(2)
    FX.MapTopic(source=topic, target=other, op=lambda m: m) | run
    heard, beside = listen(topic), listen(other)
    on_the_loop(topic, None)
    FX.Publish(target=topic, content="x") | run
    until(named)
    until(lambda: len(beside) == len(heard) == limit + 2)


def test_a_chain_that_ends_can_be_long_and_wide(limit, listen, until):
    """Three times as many topics in a row as a message may return, then ten times as many messages at once."""
    chain = topics(3 * limit)
    for source, target in pairwise(chain):
        FX.SubscribeFX(topic=source, op=insert_into(FX.Publish(target=target), "content")) | run
    wide, narrow = topics(2)
    FX.SubscribeFX(topic=chain[-1], op=lambda m: [FX.Publish(target=wide, content=n) for n in range(10 * limit)]) | run
    FX.SubscribeFX(topic=wide, op=insert_into(FX.Publish(target=narrow), "content")) | run
    heard = listen(narrow)
    FX.Publish(target=chain[0], content="go") | run
    until(lambda: len(heard) == 10 * limit)
    assert heard == list(range(10 * limit))
    assert named() == []


def test_a_countdown_reaches_its_end(limit, listen, until):
    [topic] = topics(1)
    heard = listen(topic)
    FX.SubscribeFX(topic=topic, op=lambda n: FX.Publish(target=topic, content=n - 1) if n else None) | run
    FX.Publish(target=topic, content=limit) | run
    until(lambda: heard and heard[-1] == 0)
    assert heard == list(range(limit, -1, -1))
    assert named() == []


def test_messages_of_a_timer_have_no_cause_whoever_started_it(limit, listen, until):
    """A subscription that starts a timer for the next round is slow: it continues for ever."""
    [topic] = topics(1)
    heard = listen(topic)
    timers = []

    def again(message):
        while timers:
            FX.StopTimer(timer=timers.pop()) | run
        timers.append(FX.StartTimer(interval=0.001, target=topic, content=message) | run)

    done = FX.SubscribeFX(topic=topic, op=again) | run
    FX.Publish(target=topic, content="x") | run
    until(lambda: len(heard) > 2 * limit)
    assert named() == []
    [listener] = default_runtime().service(Subscriptions)
    FX.Unsubscribe(subscription=done.subscription) | run
    until(lambda: listener.ended)


def test_a_slow_loop_is_not_dropped(monkeypatch):
    """With a simulated clock: a return each second continues, a thousand in a second end."""
    now = [1000.0]
    # The module's clock alone: the loop and its threads go by the process's.
    monkeypatch.setattr(causes, "time", SimpleNamespace(monotonic=lambda: now[0]))
    slow: causes.Origin = []
    for _ in range(5 * MAX_RETURNS):
        now[0] += 1
        assert may_return(slow)
    quick: causes.Origin = []
    assert [may_return(quick) for _ in range(MAX_RETURNS + 1)] == [True] * MAX_RETURNS + [False]
    now[0] += 3600
    assert not may_return(quick), "what was dropped stays dropped"
