"""Content: each receiver has what was published, also when the publisher and others change theirs."""

from __future__ import annotations

import array
import copy
import dataclasses
import json
from collections import deque
from typing import Any

import pytest

from zefnb import ET, FX, generate_uid, insert_into, run, zef_function


@dataclasses.dataclass
class Score:
    points: list[int]


class Message:
    """A class of a user's, that counts how often it is copied."""

    copies = 0

    def __init__(self, words: list[str]) -> None:
        self.words = words

    def __deepcopy__(self, memo: Any) -> Message:
        type(self).copies += 1
        return Message(copy.deepcopy(self.words, memo))


@pytest.fixture
def topic():
    return ET.Topic(generate_uid())


def plain_op(change, seen):
    """An op that records its message, and changes it."""

    def op(content):
        seen.append(repr(content))
        change(content)

    return op


def inline_actor(topic, change, seen):
    @zef_function(inline=True)
    def take(content, state):
        seen.append(repr(content))
        change(content)
        return [[], state]

    FX.StartActor(input=topic, initial_state=None, handler=take) | run


CONTENTS = {
    "a dict": (lambda: {"said": ["a"]}, lambda v: v["said"].append("b")),
    "a list of dicts": (lambda: [{"n": 1}], lambda v: v[0].update(n=2)),
    "an entity with a list": (lambda: ET.Said(words=["a"]), lambda v: v.words.append("b")),
    "a deque": (lambda: deque(["a"]), lambda v: v.append("b")),
    "a dataclass": (lambda: Score([1]), lambda v: v.points.append(2)),
    "an array": (lambda: array.array("i", [1]), lambda v: v.append(2)),
    "bytes that can change": (lambda: bytearray(b"ab"), lambda v: v.extend(b"c")),
}


@pytest.mark.parametrize("kind", CONTENTS)
def test_a_receiver_does_not_see_changes_that_another_receiver_makes(kind, topic, until):
    make, change = CONTENTS[kind]
    seen: list[str] = []
    inline_actor(topic, change, seen)
    for _ in range(2):
        FX.SubscribeFX(topic=topic, op=plain_op(change, seen)) | run
    inline_actor(topic, change, seen)
    FX.Publish(target=topic, content=make()) | run
    until(lambda: len(seen) == 4)
    assert seen == [repr(make())] * 4


@pytest.mark.parametrize("kind", CONTENTS)
def test_receivers_do_not_see_later_changes_by_the_publisher(kind, topic, until):
    make, change = CONTENTS[kind]
    seen: list[str] = []
    inline_actor(topic, lambda content: None, seen)
    content = make()
    for _ in range(20):
        FX.Publish(target=topic, content=content) | run
        change(content)
    until(lambda: len(seen) == 20)
    expected, again = [], make()
    for _ in range(20):
        expected.append(repr(again))
        change(again)
    assert seen == expected


@pytest.mark.also_joined
def test_a_socket_receives_the_published_content_when_actors_change_theirs(topic, connect, until):
    server = FX.StartHTTPServer(routes={"/ws": ET.WebSocket(clients_subscribe_to=[topic])}, port=0) | run
    seen: list[str] = []
    inline_actor(topic, lambda content: content["said"].append("b"), seen)
    client = connect(server)
    inline_actor(topic, lambda content: content["said"].clear(), seen)
    for n in range(50):
        FX.Publish(target=topic, content={"said": [n]}) | run
    assert [json.loads(client.recv(20)) for _ in range(50)] == [{"said": [n]} for n in range(50)]
    until(lambda: len(seen) == 100)
    assert seen == [repr({"said": [n]}) for n in range(50) for _ in range(2)]


@pytest.mark.also_joined
def test_a_timer_publishes_the_same_content_when_receivers_change_it(topic, until):
    seen: list[str] = []
    inline_actor(topic, lambda content: content.append("changed"), seen)
    content = ["tick"]
    FX.StartTimer(interval=0.002, target=topic, content=content) | run
    content.append("late")
    until(lambda: len(seen) >= 5)
    assert set(seen) == {"['tick']"}


@pytest.mark.also_joined
def test_mapped_content_and_its_source_are_separate(topic, until):
    target, seen = ET.Topic(generate_uid()), []
    FX.MapTopic(source=topic, target=target, op=lambda content: content) | run
    FX.SubscribeFX(topic=topic, op=insert_into(FX.Publish(target=target), "content")) | run
    inline_actor(topic, lambda content: content.append("changed"), [])
    inline_actor(target, lambda content: content.append("changed"), seen)
    FX.Publish(target=topic, content=["a"]) | run
    until(lambda: len(seen) == 2)
    assert seen == ["['a']", "['a']"]


def test_content_is_copied_once_for_one_receiver_and_not_at_all_for_none(topic, until):
    Message.copies = 0
    FX.Publish(target=topic, content=[Message(["a"])]) | run
    seen: list[str] = []
    FX.SubscribeFX(topic=topic, op=plain_op(lambda content: None, seen)) | run
    before = Message.copies
    assert before <= 1  # what is accepted from this thread is copied before anybody looks who listens
    FX.Publish(target=topic, content=[Message(["a"])]) | run
    until(lambda: len(seen) == 1)
    assert Message.copies == before + 1
