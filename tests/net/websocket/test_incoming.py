"""`json=True`, `echo=False` and `sender=True`: what topics, actors and other clients receive of a client's message."""

from __future__ import annotations

import json
import threading
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from tests.net.conftest import inside, journal, on_loop, said
from tests.net.wire import BINARY, frame
from zefnb import ET, FX, Array1, generate_uid, run, u8
from zefnb.core import wire
from zefnb.engine.runtime import default_runtime
from zefnb.errors import InvalidEffect, InvalidValue
from zefnb.net.websocket import fanout
from zefnb.topics.hub import Hub


def room(topic: Any, **options: Any) -> dict[str, Any]:
    return {"/ws": ET.WebSocket(clients_subscribe_to=[topic], clients_push_into_=[topic], **options)}


@pytest.fixture
def published(topic: Any) -> list[Any]:
    """What a subscriber of the topic receives."""
    got: list[Any] = []
    FX.SubscribeFX(topic=topic, op=got.append) | run
    return got


def closed_with(client: Any) -> ConnectionClosed:
    with pytest.raises(ConnectionClosed) as caught:
        client.recv(timeout=20)
    return caught.value


def test_topics_receive_the_value_of_json_and_binary_messages_as_bytes(
    serve: Any, topic: Any, connect: Any, published: list[Any], until: Any
):
    client = connect(serve(room(topic, json=True)))
    for text in ('{"a": [1, 2.5, null]}', '"text"', "7", "null"):
        client.send(text)
    client.send(b"[1]")
    until(lambda: len(published) == 5)
    assert published == [{"a": [1, 2.5, None]}, "text", 7, None, Array1[u8](b"[1]")]
    received = [client.recv(timeout=20) for _ in range(5)]
    assert received == ['{"a": [1, 2.5, null]}', "text", "7", "null", b"[1]"]


@pytest.mark.parametrize("text", ["hello", "", "{", "[NaN]", "[" * 200 + "]" * 200, "1" * 5_000])
def test_text_that_is_not_json_closes_with_1007_and_is_in_the_journal(
    serve: Any, topic: Any, connect: Any, published: list[Any], text: str
):
    server = serve(room(topic, json=True))
    client, other = connect(server), connect(server)
    client.send("1")
    client.send(text)
    client.recv(timeout=20)
    closed = closed_with(client)
    assert closed.rcvd.code == 1007
    assert closed.rcvd.reason.startswith("the text is not JSON: ")
    other.send("2")
    assert [other.recv(timeout=20), other.recv(timeout=20)] == ["1", "2"]
    entry = said("closed with 1007")()
    assert (entry["level"], entry["count"], entry["examples"]) == ("warning", 1, ["client 0"])


def test_clients_that_send_no_json_share_one_entry_of_the_journal(serve: Any, topic: Any, connect: Any):
    server = serve(room(topic, json=True))
    for _ in range(5):
        client = connect(server)
        client.send("oops")
        assert closed_with(client).rcvd.code == 1007
    assert [entry["count"] for entry in journal() if "1007" in entry["message"]] == [5]


def test_an_actor_receives_the_value_of_json(serve: Any, connect: Any):
    def handle(message: Any, state: Any) -> Any:
        if isinstance(message, ET.WSClientConnected):
            return [[], message.topic_out]
        if isinstance(message, ET.WSClientDisconnected):
            return [[], state]
        return [[FX.Publish(target=state, content=[type(message).__name__, message])], state]

    actor = FX.StartActor(initial_state=None, handler=handle)
    client = connect(serve({"/ws": ET.WebSocket(actor=actor, json=True)}))
    client.send('{"move": 3}')
    assert json.loads(client.recv(timeout=20)) == ["dict", {"move": 3}]
    client.send("nonsense")
    assert closed_with(client).rcvd.code == 1007


def test_values_that_wait_for_an_actor_are_counted_with_their_memory(
    serve: Any, connect: Any, clients: Any, until: Any
):
    going = threading.Event()
    actor = FX.StartActor(initial_state=None, handler=lambda message, state: [[], going.wait(30) and None])
    server = serve({"/ws": ET.WebSocket(actor=actor, json=True)})
    client = connect(server)
    try:
        for _ in range(3):
            client.send(json.dumps([0] * 20_000))

        def waiting() -> int:
            return sum(each.actor.mailbox.held for each in inside(server).clients())

        until(lambda: on_loop(waiting) >= 2 * 16 * 60_000)
    finally:
        going.set()
    until(lambda: on_loop(waiting) == 0)


def test_a_message_is_not_sent_back_to_its_sender(serve: Any, topic: Any, connect: Any):
    server = serve(room(topic, echo=False))
    crowd = [connect(server) for _ in range(4)]
    for number, client in enumerate(crowd):
        client.send(f"from {number}")
        client.send(bytes([number]))
    for number, client in enumerate(crowd):
        received = [client.recv(timeout=20) for _ in range(6)]
        others = [each for each in range(4) if each != number]
        assert sorted(received, key=str) == sorted(
            [*(f"from {n}" for n in others), *(bytes([n]) for n in others)], key=str
        )
    FX.Publish(target=topic, content="end") | run
    assert [client.recv(timeout=20) for client in crowd] == ["end"] * 4


def test_messages_of_one_batch_reach_all_but_their_senders_in_order(serve: Any, topic: Any, raw: Any):
    server = serve(room(topic, echo=False))
    one, two, listener = raw(server), raw(server), raw(server)
    one.send(*(frame(f"a{number}") for number in range(50)))
    expected = [f"a{number}" for number in range(50)]
    assert [two.read().payload.decode() for _ in expected] == expected
    two.send(*(frame(f"b{number}") for number in range(50)))
    replies = [f"b{number}" for number in range(50)]
    assert [one.read().payload.decode() for _ in replies] == replies
    assert [listener.read().payload.decode() for _ in range(100)] == expected + replies


def test_each_sender_in_a_batch_misses_only_its_own_messages():
    class Box:
        batch: Any = None

        def begin_batch(self, batch: Any) -> None:
            self.batch = batch

        def end_batch(self) -> None:
            pass

    class Socket:
        def send_raw(self, data: bytes, count: int) -> None:
            pass

    box: Any = Box()
    made = fanout.Fanout(default_runtime(), box, ET.Topic("t"), "null")
    one, two, three = sockets = [Socket(), Socket(), Socket()]
    for each in sockets:
        made.add(each)  # type: ignore[arg-type]
    made.without(one).deliver("1")
    made.without(two).deliver("2")
    made.deliver("3")
    made.without(one).deliver("4")
    with pytest.raises(InvalidValue):
        made.without(one).deliver(object())
    got: dict[Any, bytes] = {}
    for data, _, members in made.take():
        for member in members:
            got[member] = got.get(member, b"") + data
    frames = [b"\x81\x01" + str(number).encode() for number in (1, 2, 3, 4)]
    assert got == {one: frames[1] + frames[2], two: frames[0] + frames[2] + frames[3], three: b"".join(frames)}
    made.deliver("5")
    assert [members for _, _, members in made.take()] == [(one, two, three)]
    assert made.without("not a socket") is made


def test_a_sender_misses_its_message_also_when_it_waits_in_the_hub(serve: Any, topic: Any, connect: Any, until: Any):
    server = serve(room(topic, echo=False))
    sender, other = connect(server), connect(server)

    def publish_while_delivering() -> None:
        hub, connection = default_runtime().service(Hub), inside(server).clients()[0]
        hub._delivering = True
        hub.publish(topic, "queued", sender=connection)
        hub._delivering = False
        hub._continue()

    on_loop(publish_while_delivering)
    FX.Publish(target=topic, content="after") | run
    assert [other.recv(timeout=20), other.recv(timeout=20)] == ["queued", "after"]
    assert sender.recv(timeout=20) == "after"


def test_a_compressed_sender_misses_its_own_messages(serve: Any, topic: Any, connect: Any):
    server = serve(room(topic, echo=False, compression=True))
    packed, plain = connect(server, compression="deflate"), connect(server, compression=None)
    packed.send("from packed")
    assert plain.recv(timeout=20) == "from packed"
    plain.send("from plain")
    assert packed.recv(timeout=20) == "from plain"


def test_the_history_has_the_messages_of_all(serve: Any, topic: Any, connect: Any):
    server = serve(room(topic, echo=False, history=5))
    sender, other = connect(server), connect(server)
    sender.send("one")
    assert other.recv(timeout=20) == "one"
    assert connect(server).recv(timeout=20) == "one"


def test_topics_receive_the_sender_and_other_clients_its_json(
    serve: Any, topic: Any, connect: Any, published: list[Any], until: Any
):
    server = serve(room(topic, sender=True))
    one, two = connect(server), connect(server)
    one.send("hi")
    assert json.loads(two.recv(timeout=20)) == {"type": "Sent", "content": "hi", "channel_id": 0}
    two.send("ho")
    until(lambda: len(published) == 2)
    assert published == [ET.Sent(content="hi", channel_id=0), ET.Sent(content="ho", channel_id=1)]
    one.send(b"bytes")
    until(lambda: len(published) == 3)
    assert published[-1] == ET.Sent(content=Array1[u8](b"bytes"), channel_id=0)


def test_a_sent_message_has_the_user_and_its_json_only_the_public_fields(
    serve: Any, topic: Any, connect: Any, published: list[Any], until: Any
):
    def login(name: str, password: str) -> Any:
        return {"email": "ada@example.com"}

    server = serve(room(topic, sender=True, json=True), auth=login)
    with httpx.Client(base_url=f"http://127.0.0.1:{server.port}") as browser:
        browser.post("/auth/login", data={"name": "ada", "password": "x"})
        cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    client = connect(server, origin=f"http://127.0.0.1:{server.port}", additional_headers={"cookie": cookie})
    client.send('{"vote": "tea"}')
    until(lambda: published)
    assert published[0].content == {"vote": "tea"}
    assert published[0].user["email"] == "ada@example.com"
    received = json.loads(client.recv(timeout=20))
    assert received["user"].keys() == {"id", "name", "provider"}
    assert received["user"]["name"] == published[0].user["name"] == "ada"


@pytest.mark.parametrize(
    "options", [{}, {"sender": True}, {"echo": False}, {"json": True, "echo": False, "sender": True}]
)
def test_a_broadcast_is_encoded_once(
    serve: Any, topic: Any, connect: Any, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
):
    server = serve(room(topic, history=3, **options))
    crowd = [connect(server) for _ in range(5)]
    encoded: list[Any] = []
    encode = wire.encode_content
    monkeypatch.setattr(fanout, "encode_content", lambda *given: (encoded.append(given), encode(*given))[1])
    crowd[0].send("[1]")
    for client in crowd[1:]:
        client.recv(timeout=20)
    assert len(encoded) == 1


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"clients_subscribe_to": ["T"], "json": True}, "json"),
        ({"clients_subscribe_to": ["T"], "sender": True}, "sender"),
        ({"clients_subscribe_to": ["T"], "echo": False}, "echo"),
        ({"clients_push_into_": ["T"], "echo": False}, "echo"),
        ({"actor": "A", "sender": True}, "sender"),
        ({"actor": "A", "echo": False}, "echo"),
        ({"clients_push_into_": ["T"], "json": 1}, "json"),
        ({"clients_push_into_": ["T"], "sender": "yes"}, "sender"),
        ({"clients_push_into_": ["T"], "echo": None}, "echo"),
    ],
)
def test_an_option_that_makes_no_sense_is_named(serve: Any, options: dict[str, Any], field: str):
    actor = FX.StartActor(initial_state=None, handler=lambda message, state: [[], state])
    values = {"A": actor, "T": ET.Topic(generate_uid())}
    made = {
        name: [values["T"]] if given == ["T"] else values["A"] if given == "A" else given
        for name, given in options.items()
    }
    with pytest.raises(InvalidEffect) as caught:
        serve({"/ws": ET.WebSocket(**made)})
    assert [fault.field for fault in caught.value.faults] == [f"routes['/ws'].{field}"]


def test_a_binary_message_with_its_sender_has_no_json_and_the_journal_has_one_entry(
    serve: Any, topic: Any, raw: Any, until: Any
):
    server = serve(room(topic, sender=True))
    wire_ = raw(server)
    wire_.send(frame(b"x", BINARY), frame(b"y", BINARY), frame("text"))
    assert json.loads(wire_.read().payload)["content"] == "text"
    until(lambda: [entry["count"] for entry in journal() if "delivery to" in entry["message"]] == [2])
