"""Subscriptions: an op bound to a topic, doing its work as a handler does."""

from __future__ import annotations

import threading
import time

import pytest

from zefnb import ET, FX, generate_uid, run, zef_function
from zefnb.engine.runtime import default_runtime
from zefnb.errors import NotRunning
from zefnb.topics.subscriptions import Subscriptions

pytestmark = pytest.mark.also_joined


@pytest.fixture
def topic():
    return ET.Topic(generate_uid())


def test_messages_are_handled_one_at_a_time_and_in_order(topic, until):
    seen = []

    def note(message):
        if message % 10 == 0:
            time.sleep(0.005)
        seen.append(message)

    FX.SubscribeFX(topic=topic, op=note) | run
    for n in range(100):
        FX.Publish(target=topic, content=n) | run
    until(lambda: len(seen) == 100)
    assert seen == list(range(100))


def test_an_ended_subscription_handles_earlier_messages_and_no_later_ones(topic, until):
    begun, go, seen = threading.Event(), threading.Event(), []

    def slow(message):
        begun.set()
        go.wait(20)
        seen.append(message)

    done = FX.SubscribeFX(topic=topic, op=slow) | run
    [FX.Publish(target=topic, content=n) for n in range(3)] | run
    assert begun.wait(20)
    FX.Unsubscribe(subscription=done.subscription) | run
    FX.Publish(target=topic, content="after") | run
    go.set()
    until(lambda: len(seen) == 3)
    until(lambda: default_runtime().handler_threads.is_idle)
    assert seen == [0, 1, 2]
    with pytest.raises(NotRunning, match="has been stopped"):
        FX.Unsubscribe(subscription=done.subscription) | run


def test_an_ended_subscription_leaves_nothing_behind(topic):
    subscriptions = default_runtime().service(Subscriptions)
    done = FX.SubscribeFX(topic=topic, op=lambda m: None) | run
    assert subscriptions.find(done.subscription) is not None
    FX.Unsubscribe(subscription=done.subscription) | run
    assert subscriptions.find(done.subscription) is None
    assert len(subscriptions) == 0
    assert FX.StreamGraphSnapshot() | run == []


def test_bindings_that_a_subscriptions_op_makes_end_with_the_subscription(topic, until):
    other = ET.Topic(generate_uid())

    @zef_function
    def bind(message):
        return FX.SubscribeFX(topic=other, op=lambda m: None)

    done = FX.SubscribeFX(topic=topic, op=bind) | run
    FX.Publish(target=topic, content=1) | run
    until(lambda: len(FX.StreamGraphSnapshot() | run) == 2)
    FX.Unsubscribe(subscription=done.subscription) | run
    until(lambda: FX.StreamGraphSnapshot() | run == [])
