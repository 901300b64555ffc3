"""Actors with a full mailbox: they read the log later, and nobody else waits for them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.test_contract import ROOM, collected, publish
from tests.cluster.test_faults import messages_of
from tests.cluster.test_lists import messages
from zefnb import ET, FX
from zefnb.cluster.cluster import Cluster
from zefnb.engine import mailbox
from zefnb.engine.perform import run_on

OTHER = ET.Topic("other")
# More than a mailbox holds, in several entries of the log.
FULL, BURST, COUNT = 8, 10, 80


@pytest.fixture(autouse=True)
def small_mailboxes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailbox, "FULL_MESSAGES", FULL)


class SlowSubscriber:
    """A subscriber that handles nothing until `go` is set."""

    def __init__(self, runtime: Any, *topics: Any) -> None:
        self.found: list[Any] = []
        self.go = threading.Event()
        for topic in topics:
            run_on(runtime, FX.SubscribeFX(topic=topic, op=self.take))

    def take(self, message: Any) -> None:
        assert self.go.wait(60)
        self.found.append(message)


@pytest.fixture
def slow() -> Iterator[list[SlowSubscriber]]:
    made: list[SlowSubscriber] = []
    yield made
    for each in made:
        each.go.set()


def publish_all(runtime: Any, topic: Any = ROOM) -> None:
    for begin in range(0, COUNT, BURST):
        run_on(runtime, messages(*range(begin, begin + BURST), topic=topic))


def lagging(runtime: Any) -> int:
    return len(runtime.service(Cluster).node._lagging.actors)


def test_a_full_mailbox_delays_no_other_subscriber(broker, join, until, slow):
    node, other = join(broker), join(broker)
    slow.append(SlowSubscriber(node, ROOM))
    quick, quick_other = collected(node), collected(node, OTHER)
    publish_all(other)
    publish(other, "end", topic=OTHER)
    until(lambda: quick_other == ["end"] and len(quick) >= COUNT)
    assert quick == list(range(COUNT))
    assert slow[0].found == []
    slow[0].go.set()
    until(lambda: len(slow[0].found) >= COUNT)
    publish(other, "after")
    until(lambda: slow[0].found[-1] == "after")
    assert slow[0].found == [*range(COUNT), "after"]
    until(lambda: lagging(node) == 0)


def test_a_mailbox_that_is_full_does_not_grow(broker, join, until, slow):
    node = join(broker)
    slow.append(SlowSubscriber(node, ROOM))
    quick = collected(node)
    publish_all(node)
    until(lambda: len(quick) == COUNT)
    publish_all(node)
    until(lambda: len(quick) == 2 * COUNT and lagging(node) == 1)
    (lag,) = node.service(Cluster).node._lagging.actors.values()
    assert len(lag.actor.mailbox) < FULL + BURST


def test_a_lagging_actor_receives_no_message_from_before_its_subscription(broker, join, until, slow):
    node = join(broker)
    slow.append(SlowSubscriber(node, ROOM))
    quick, quick_other = collected(node), collected(node, OTHER)
    publish_all(node)
    publish(node, "before", topic=OTHER)
    until(lambda: quick_other == ["before"] and lagging(node) == 1)
    (actor,) = node.service(Cluster).node._lagging.actors
    done = threading.Event()

    def subscribe() -> None:
        from zefnb.topics.hub import Hub

        node.service(Hub).subscribe(OTHER, actor, "subscription")
        done.set()

    node.call_queue.put(subscribe)
    assert done.wait(20)
    publish(node, "after", topic=OTHER)
    until(lambda: quick_other == ["before", "after"])
    slow[0].go.set()
    until(lambda: slow[0].found[-1:] == ["after"])
    assert slow[0].found == [*range(COUNT), "after"]
    assert len(quick) == COUNT


def test_messages_that_the_log_no_longer_has_are_reported(broker, join, until, slow):
    node, other = join(broker), join(broker)
    slow.append(SlowSubscriber(node, ROOM))
    quick = collected(node)
    publish_all(other)
    until(lambda: len(quick) == COUNT and lagging(node) == 1)
    broker.call(f"XTRIM zefnb:{broker.name}:log MAXLEN 0")
    slow[0].go.set()
    (line,) = until(lambda: [line for line in messages_of(node) if "were lost before this node read them" in line])
    name = other.service(Cluster).node.name
    until(lambda: lagging(node) == 0)
    publish(other, "after")
    until(lambda: slow[0].found[-1:] == ["after"])
    lost = COUNT - (len(slow[0].found) - 1)
    assert 0 < lost < COUNT
    assert f"{lost:,} messages of {name}" in line
    assert "of topic 'room'" in line
