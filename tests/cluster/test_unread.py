"""What a node publishes itself: it goes to the subscribers of that moment, and has arrived when `run` returns."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.cluster.conftest import local_node
from tests.cluster.test_contract import ROOM, collected, publish
from zefnb import ET, FX, zef_function
from zefnb.cluster.publishing import RUN_TIMEOUT
from zefnb.engine.perform import run_on

GO = ET.Topic("go")
pytestmark = pytest.mark.usefixtures("patient_callers")


def test_a_message_has_been_delivered_in_this_process_when_run_returns(default_node):
    found: list[Any] = []
    run_on(default_node, FX.SubscribeFX(topic=ROOM, op=zef_function(inline=True)(found.append)))
    for number in range(50):
        publish(default_node, number)
        assert found == list(range(number + 1))
    assert run_on(default_node, FX.PublishAll(target=ROOM, contents=["a", "b"])) == ET.Success(published=2)
    assert found[50:] == ["a", "b"]


def test_a_subscription_that_a_handler_makes_after_a_message_does_not_receive_it(default_node, join, broker, until):
    found: list[Any] = []
    elsewhere = collected(join(broker))
    effects = [FX.Publish(target=ROOM, content="before"), FX.SubscribeFX(topic=ROOM, op=lambda m: found.append(m))]
    go = run_on(default_node, FX.SubscribeFX(topic=GO, op=zef_function(inline=True)(lambda message: effects)))
    publish(default_node, 1, topic=GO)
    until(lambda: elsewhere == ["before"])
    publish(default_node, "after")
    until(lambda: found)
    assert found == ["after"]
    run_on(default_node, FX.Unsubscribe(subscription=go.subscription))


def test_a_subscription_that_a_handler_ends_after_a_message_receives_it(default_node, until):
    found: list[Any] = []
    ended = run_on(default_node, FX.SubscribeFX(topic=ROOM, op=lambda m: found.append(m))).subscription
    effects = [FX.Publish(target=ROOM, content="before"), FX.Unsubscribe(subscription=ended)]
    run_on(default_node, FX.SubscribeFX(topic=GO, op=zef_function(inline=True)(lambda message: effects)))
    publish(default_node, 1, topic=GO)
    until(lambda: found)
    publish(default_node, "after")
    assert found == ["before"]


def test_callers_do_not_wait_for_a_reader_that_is_not_connected(default_node):
    node = local_node(default_node)
    publish(default_node, "read")  # it has connected then, which ends its problem
    node._reader.problem = "it is not connected"
    unread = node.outgoing.unread
    read, unread.read = unread.read, lambda number: None
    began = time.monotonic()
    try:
        publish(default_node, "accepted")
    finally:
        unread.read = read
    assert time.monotonic() - began < RUN_TIMEOUT / 2
