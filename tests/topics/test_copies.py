"""Which subscribers receive a copy of their own, and which share one."""

from __future__ import annotations

from typing import Any

import pytest

from zefnb import ET
from zefnb.core.wire import NO_VALUE, Encoded, encode_content
from zefnb.topics.hub import Hub

TOPIC = ET.Topic("t")
GIVEN = {"name": "Ada", "pos": {"x": 1}}


class Subscriber:
    def __init__(self, **traits: bool) -> None:
        self.heard: list[Any] = []
        vars(self).update(traits)

    def deliver(self, content: Any) -> None:
        self.heard.append(content)


class Socket:
    only_encodes = keeps_nothing = True

    def __init__(self) -> None:
        self.frames: list[bytes] = []

    def deliver(self, content: Any) -> None:
        self.frames.append(encode_content(content)[1])


def make_hub(*subscribers: Any) -> Hub:
    runtime: Any = type("Runtime", (), {"cause": None, "journal": None})()
    hub = Hub(runtime)
    for each in subscribers:
        hub.subscribe(TOPIC, each, "test")
    return hub


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (0, 2, 1), (2, 1, 0)])
def test_subscribers_that_only_read_share_one_copy_that_no_other_subscriber_has(order: Any):
    read, again, changing = Subscriber(only_reads=True), Subscriber(only_reads=True), Subscriber()
    hub = make_hub(*[(read, again, changing)[at] for at in order])
    hub.publish(TOPIC, GIVEN)
    assert read.heard == again.heard == changing.heard == [GIVEN]
    assert read.heard[0] is again.heard[0]
    owned = (changing.heard[0], changing.heard[0]["pos"], GIVEN, GIVEN["pos"])
    assert not any(part is shared for shared in (read.heard[0], read.heard[0]["pos"]) for part in owned)


def test_subscribers_that_may_change_content_have_one_copy_each():
    both = Subscriber(), Subscriber()
    make_hub(*both).publish(TOPIC, GIVEN)
    parts = [id(part) for each in both for part in (each.heard[0], each.heard[0]["pos"])]
    assert len({*parts, id(GIVEN), id(GIVEN["pos"])}) == 6


def test_content_for_sockets_alone_is_encoded_when_it_is_accepted():
    socket, content = Socket(), {"said": ["hi"]}
    hub = make_hub(socket)
    accepted = hub.copied("t", content)
    content["said"].append("changed")
    hub.publish_snapshot("t", accepted)
    assert type(accepted) is Encoded
    assert accepted.value is NO_VALUE
    assert socket.frames == [b'{"said": ["hi"]}']


def test_who_subscribes_after_content_was_accepted_for_sockets_alone_does_not_receive_it():
    socket, late = Socket(), Subscriber()
    hub = make_hub(socket)
    accepted = hub.copied("t", GIVEN)
    hub.subscribe(TOPIC, late, "test")
    hub.publish_snapshot("t", accepted)
    hub.publish_snapshot("t", hub.copied("t", [1]))
    assert late.heard == [[1]]
    assert socket.frames == [b'{"name": "Ada", "pos": {"x": 1}}', b"[1]"]


@pytest.mark.parametrize("reader", [Subscriber(), Subscriber(only_encodes=True, reads_value=True)])
def test_content_has_its_value_as_long_as_a_subscriber_needs_it(reader: Any):
    hub = make_hub(Socket(), reader)
    assert hub.copied("t", GIVEN).value == GIVEN
    hub.unsubscribe(TOPIC, reader)
    assert hub.copied("t", GIVEN).value is NO_VALUE
    hub.subscribe(TOPIC, reader, "test")
    assert hub.copied("t", GIVEN).value == GIVEN


def test_content_with_nan_keeps_its_value_since_each_route_decides_on_it():
    hub = make_hub(Socket())
    assert hub.copied("t", [float("inf")]).value == [float("inf")]
