"""One contract for the hub in memory, and for hubs that Valkey and Redis connect: two nodes, which may be the same."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from tests.cluster.conftest import Lent
from zefnb import ET, FX, EntityUid, Time
from zefnb.engine.perform import run_on
from zefnb.engine.runtime import Runtime, default_runtime
from zefnb.errors import InvalidValue

ROOM = ET.Topic("room")


class Nodes(NamedTuple):
    first: Runtime
    second: Runtime

    @property
    def is_one(self) -> bool:
        return self.first is self.second


@pytest.fixture(params=["memory", "valkey", "redis"])
def nodes(request: pytest.FixtureRequest, lend: Callable[[str], Lent], join: Callable[..., Runtime]) -> Iterator[Nodes]:
    if request.param == "memory":
        yield Nodes(default_runtime(), default_runtime())
        return
    broker = lend(request.param)
    run_on(default_runtime(), FX.JoinCluster(url=broker.url, name=broker.name))
    yield Nodes(default_runtime(), join(broker))
    run_on(default_runtime(), FX.LeaveCluster())


def collected(runtime: Runtime, topic: Any = ROOM) -> list[Any]:
    """Subscribe, and return the list of what is received."""
    found: list[Any] = []
    run_on(runtime, FX.SubscribeFX(topic=topic, op=lambda message: found.append(message)))
    return found


def publish(runtime: Runtime, *contents: Any, topic: Any = ROOM) -> None:
    for content in contents:
        assert run_on(runtime, FX.Publish(target=topic, content=content)) == ET.Success()


def test_all_nodes_receive_a_message_once(nodes: Nodes, until):
    here, there = collected(nodes.first), collected(nodes.second)
    publish(nodes.first, "a")
    publish(nodes.second, "b")
    until(lambda: len(here) >= 2 and len(there) >= 2)
    publish(nodes.first, "end")
    until(lambda: here[-1] == there[-1] == "end")
    assert here == there == ["a", "b", "end"]


CONTENTS = [
    "text",
    b"bytes",
    2**70,
    1.5,
    None,
    {"a": [1, (2, 3)], "s": {4}},
    ET.Guest("🍃-87f83f06bfec2ba79b96", name="Ada", at=Time("2026-11-29T00:00:00Z")),
    EntityUid("🍃-87f83f06bfec2ba79b96"),
    FX.Publish(target=ROOM, content=1),
]


def test_values_arrive_equal_and_of_the_same_type(nodes: Nodes, until):
    found = collected(nodes.second)
    publish(nodes.first, *CONTENTS)
    until(lambda: len(found) == len(CONTENTS))
    assert found == CONTENTS
    assert list(map(type, found)) == list(map(type, CONTENTS))


def test_a_received_value_is_a_copy(nodes: Nodes, until):
    here, there = collected(nodes.first), collected(nodes.second)
    given = [1]
    publish(nodes.first, given)
    until(lambda: here and there)
    here[0].append(2)
    assert given == [1]
    assert there == [[1]]


def test_all_nodes_have_one_order(nodes: Nodes, until):
    here, there = collected(nodes.first), collected(nodes.second)
    threads = [
        threading.Thread(target=publish, args=(runtime, *((name, n) for n in range(50))))
        for name, runtime in enumerate((nodes.first, nodes.second, nodes.first, nodes.second))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until(lambda: len(here) >= 200 and len(there) >= 200)
    assert here == there
    for name in range(4):
        assert [n for publisher, n in here if publisher == name] == list(range(50))


def test_a_burst_stays_in_order(nodes: Nodes, until):
    found = collected(nodes.second)
    effects = [FX.Publish(target=ROOM, content=n) for n in range(100)]
    run_on(nodes.first, effects)
    until(lambda: len(found) >= 100)
    assert found == list(range(100))


def test_an_ended_subscription_receives_nothing_more(nodes: Nodes, until):
    found: list[Any] = []
    done = run_on(nodes.second, FX.SubscribeFX(topic=ROOM, op=found.append))
    publish(nodes.first, "a")
    until(lambda: found)
    run_on(nodes.second, FX.Unsubscribe(subscription=done.subscription))
    others = collected(nodes.second)
    publish(nodes.first, "b")
    until(lambda: others)
    assert found == ["a"]


def test_a_topic_with_a_uid_stays_in_its_process(nodes: Nodes, until):
    topic = ET.Topic("🍃-87f83f06bfec2ba79b96")
    here, there = collected(nodes.first, topic), collected(nodes.second, topic)
    publish(nodes.first, "a", topic=topic)
    until(lambda: here)
    after = collected(nodes.second)
    publish(nodes.first, "end")
    until(lambda: after)
    if nodes.is_one:
        until(lambda: there == ["a"])
    else:
        assert there == []


def test_a_handler_publishes_to_both_nodes(nodes: Nodes, until):
    here, there = collected(nodes.first), collected(nodes.second)
    answer = FX.Publish(target=ROOM, content="from a handler")
    run_on(nodes.first, FX.SubscribeFX(topic=ET.Topic("question"), op=lambda message: answer))
    publish(nodes.second, 1, topic=ET.Topic("question"))
    until(lambda: here and there)
    assert here == there == ["from a handler"]


def test_content_that_cannot_be_sent_is_the_error_of_the_publisher(nodes: Nodes):
    if nodes.is_one:
        pytest.skip("a hub in memory carries any value")
    advice = "(An?.* can carry any value|Publish the name)"
    with pytest.raises(InvalidValue, match=rf"FX\.Publish: content: .*{advice}"):
        publish(nodes.first, print)
