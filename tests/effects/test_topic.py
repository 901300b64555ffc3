"""The effects on topics: publish, subscribe, map, delete, and list the bindings."""

from __future__ import annotations

import threading

import pytest

from zefnb import ET, FX, F, apply, generate_uid, identity, insert_into, run, to_upper_case, zef_function
from zefnb.errors import NotRunning

pytestmark = pytest.mark.also_joined


@pytest.fixture
def topics():
    return [ET.Topic(generate_uid()) for _ in range(3)]


def listening(topic):
    """A list that collects the messages of `topic`."""
    heard = []

    @zef_function(inline=True)
    def listen(msg, state):
        heard.append(msg)
        return [[], state]

    FX.StartActor(input=topic, initial_state=None, handler=listen) | run
    return heard


async def answer_later(message):
    return FX.Publish(target=ET.Topic("answers"), content=message)


ANSWERS_ONE_EFFECT = {
    "a chain of library ops": insert_into(FX.Publish(target=ET.Topic("answers")), "content"),
    "a user's function": lambda m: FX.Publish(target=ET.Topic("answers"), content=m),
    "a zef_function": zef_function(lambda m: FX.Publish(target=ET.Topic("answers"), content=m)),
    "an async function": answer_later,
    "an async zef_function": zef_function(answer_later),
    "a mixed chain": apply(lambda m: m) | insert_into(FX.Publish(target=ET.Topic("answers")), "content"),
    "an async function at the end of a chain": identity | answer_later,
    "an inline zef_function": zef_function(inline=True)(lambda m: FX.Publish(target=ET.Topic("answers"), content=m)),
}


class TestSubscribeFX:
    @pytest.mark.parametrize("op", ANSWERS_ONE_EFFECT)
    def test_the_effect_that_an_op_of_each_kind_returns_is_performed(self, op, topics, until):
        heard = listening(ET.Topic("answers"))
        FX.SubscribeFX(topic=topics[0], op=ANSWERS_ONE_EFFECT[op]) | run
        for n in range(5):
            FX.Publish(target=topics[0], content=n) | run
        until(lambda: len(heard) == 5)
        assert heard == [0, 1, 2, 3, 4]
        assert FX.QueryLog(level="warning") | run == []

    def test_a_list_of_effects_is_performed_in_order(self, topics, until):
        heard = listening(topics[1])
        op = lambda m: [FX.Publish(target=topics[1], content=m + n) for n in range(3)]  # noqa: E731
        FX.SubscribeFX(topic=topics[0], op=op) | run
        FX.Publish(target=topics[0], content=10) | run
        until(lambda: len(heard) == 3)
        assert heard == [10, 11, 12]

    @pytest.mark.parametrize("value", [None, 5, "text", [], [1], {"a": 1}, ET.X(), [FX.Log(content="x"), 1]])
    def test_a_plain_value_is_ignored(self, value, topics, until):
        called = threading.Event()
        FX.SubscribeFX(topic=topics[0], op=lambda m: called.set() or value) | run
        FX.Publish(target=topics[0], content=1) | run
        assert called.wait(20)
        FX.Unsubscribe(subscription=(FX.SubscribeFX(topic=topics[0], op=identity) | run).subscription) | run
        assert FX.QueryLog() | run == []

    def test_an_op_that_raises_is_in_the_journal_and_continues_with_the_next_message(self, topics, until):
        heard = listening(topics[1])
        FX.SubscribeFX(topic=topics[0], op=F.x | insert_into(FX.Publish(target=topics[1]), "content")) | run
        FX.SubscribeFX(topic=topics[0], op=lambda m: FX.Publish(target=topics[1], content=m["x"])) | run
        for message in ({"x": 1}, {}, {"x": 2}):
            FX.Publish(target=topics[0], content=message) | run
        until(lambda: len(heard) == 4)
        assert sorted(heard) == [1, 1, 2, 2]
        assert len(FX.QueryLog(level="error") | run) == 2

    def test_the_result_has_the_counts_and_the_handle(self, topics):
        first = FX.SubscribeFX(topic=topics[0], op=identity) | run
        second = FX.SubscribeFX(topic=topics[0], op=identity) | run
        assert (first.subscription_count, second.subscription_count) == (1, 2)
        assert first.subscription != second.subscription
        assert FX.Unsubscribe(subscription=first.subscription) | run == ET.Success()
        with pytest.raises(NotRunning):
            FX.Unsubscribe(subscription=first.subscription) | run
        assert [b["target"] for b in FX.StreamGraphSnapshot() | run] == [second.subscription]

    def test_an_incomplete_effect_that_an_op_returns_is_in_the_journal(self, topics, until):
        FX.SubscribeFX(topic=topics[0], op=lambda m: FX.Publish(content=m)) | run
        FX.Publish(target=topics[0], content=1) | run
        [entry] = until(lambda: FX.QueryLog(level="error") | run)
        assert "target: missing" in entry["message"]


class TestMapTopic:
    @pytest.mark.parametrize("op", [to_upper_case, lambda m: m.upper(), zef_function(lambda m: m.upper())])
    def test_the_result_of_the_op_is_published_to_the_target_in_order(self, op, topics, until):
        heard = listening(topics[1])
        done = FX.MapTopic(source=topics[0], target=topics[1], op=op) | run
        for text in "abc":
            FX.Publish(target=topics[0], content=text) | run
        until(lambda: len(heard) == 3)
        assert heard == ["A", "B", "C"]
        FX.Unsubscribe(subscription=done.subscription) | run

    @pytest.mark.parametrize("value", [None, [], False, [FX.Log(content="not performed")]])
    def test_any_value_is_published_unchanged(self, value, topics, until):
        heard = listening(topics[1])
        FX.MapTopic(source=topics[0], target=topics[1], op=lambda m: value) | run
        FX.Publish(target=topics[0], content=1) | run
        until(lambda: heard)
        assert heard == [value]
        assert FX.QueryLog() | run == []

    def test_maps_in_a_row_preserve_the_order(self, topics, until):
        heard = listening(topics[2])
        FX.MapTopic(source=topics[0], target=topics[1], op=lambda n: n + 1) | run
        FX.MapTopic(source=topics[1], target=topics[2], op=lambda n: n * 10) | run
        for n in range(50):
            FX.Publish(target=topics[0], content=n) | run
        until(lambda: len(heard) == 50)
        assert heard == [(n + 1) * 10 for n in range(50)]


class TestDeleteTopic:
    def test_ops_actors_and_sockets_receive_nothing_after_the_deletion(self, topics, connect, until):
        topic = topics[0]
        heard, mapped = listening(topic), listening(topics[1])
        FX.MapTopic(source=topic, target=topics[1], op=identity) | run
        server = FX.StartHTTPServer(routes={"/ws": ET.WebSocket(clients_subscribe_to=[topic])}, port=0) | run
        client = connect(server)
        until(lambda: len(FX.StreamGraphSnapshot() | run) == 4)
        FX.Publish(target=topic, content="before") | run
        assert client.recv(20) == "before"
        until(lambda: heard == mapped == ["before"])
        assert FX.DeleteTopic(topic=topic) | run == ET.Success()
        FX.Publish(target=topic, content="after") | run
        assert [b["source"] for b in FX.StreamGraphSnapshot() | run] == [topics[1]]
        with pytest.raises(TimeoutError):
            client.recv(0.1)
        assert heard == mapped == ["before"]

    def test_later_subscribers_receive_messages(self, topics, until):
        FX.DeleteTopic(topic=topics[0]) | run
        heard = listening(topics[0])
        FX.Publish(target=topics[0], content=1) | run
        until(lambda: heard == [1])

    def test_messages_published_before_are_still_handled(self, topics, until):
        go, seen = threading.Event(), []
        FX.SubscribeFX(topic=topics[0], op=lambda m: (go.wait(10), seen.append(m))) | run
        [FX.Publish(target=topics[0], content=n) for n in range(3)] | run
        FX.DeleteTopic(topic=topics[0]) | run
        go.set()
        until(lambda: seen == [0, 1, 2])


def test_the_graph_shows_every_kind_of_binding(topics, connect, until):
    source, target, other = topics
    actor = FX.StartActor(input=source, initial_state=0, handler=lambda m, s: [[], s]) | run
    subscription = (FX.SubscribeFX(topic=source, op=identity) | run).subscription
    FX.MapTopic(source=source, target=target, op=identity) | run
    timer = FX.StartTimer(interval=60, target=other, content=1) | run
    server = FX.StartHTTPServer(routes={"/ws": ET.WebSocket(clients_subscribe_to=[target])}, port=0) | run
    connect(server), connect(server)
    graph = until(lambda: len(g := FX.StreamGraphSnapshot() | run) == 5 and g)
    until(lambda: [b for b in FX.StreamGraphSnapshot() | run if b.get("count") == 2])
    assert {(b["kind"], b["source"], b["target"]) for b in graph if b["kind"] != "websocket"} == {
        ("actor", source, actor),
        ("subscription", source, subscription),
        ("map", source, target),
        ("timer", timer, other),
    }
    [websocket] = [b for b in FX.StreamGraphSnapshot() | run if b["kind"] == "websocket"]
    assert (websocket["source"], websocket["count"]) == (target, 2)
