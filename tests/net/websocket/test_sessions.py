"""Sessions of the subprotocol `zefnb.1`, message by message on plain sockets."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from tests.net.conftest import inside, journal, on_loop, said
from tests.net.websocket.peer import Peer, all_sessions, is_away
from tests.net.wire import frame, handshake
from zefnb import ET, FX, run
from zefnb import Any as AnyValue
from zefnb.engine.runtime import default_runtime
from zefnb.errors import InvalidEffect
from zefnb.net.websocket import resume, retained, sessions
from zefnb.net.websocket.sessions import Sessions

Join = Callable[..., Peer]


@pytest.fixture
def join(raw: Any) -> Join:
    """`join(server)`: a client after its handshake with the subprotocol."""
    return lambda server, path="/ws", **headers: Peer(
        raw(server, path, **{"Sec_WebSocket_Protocol": "zefnb.1", **headers})
    )


@pytest.fixture
def publish(topic: Any) -> Callable[..., None]:
    def publish_(*contents: Any) -> None:
        for content in contents:
            FX.Publish(target=topic, content=content) | run

    return publish_


def read_acknowledged(peer: Peer, count: int, received: int) -> list[Any]:
    """The next messages of the program, once the server has acknowledged `received`: before, between or after them."""
    messages: list[Any] = []
    acknowledged = 0
    while len(messages) < count or acknowledged < received:
        message = peer.next()
        if isinstance(message, dict):
            assert message["type"] == "ack"
            assert acknowledged < message["received"] <= received
            acknowledged = message["received"]
        else:
            messages.append(message)
    return messages


def test_a_resumed_client_gets_what_it_missed_and_then_what_follows(
    chat: Any, join: Join, publish: Any, until: Any
) -> None:
    first = join(chat)
    welcome = first.hello()
    assert welcome["resumed"] is False
    assert (welcome["received"], welcome["position"], welcome["missing"]) == (0, 0, 0)
    publish("one", {"two": 2}, b"three")
    assert first.read(3) == ["one", '{"two": 2}', b"three"]
    first.wire.reset()
    is_away(until)
    publish("four", "five")
    second = join(chat)
    again = second.resume(welcome["session"], received=2)
    assert (again["resumed"], again["position"], again["missing"]) == (True, 2, 0)
    assert second.read(3) == [b"three", "four", "five"]
    publish("six")
    assert second.read(1) == ["six"]


def test_messages_of_a_client_are_counted_acknowledged_and_delivered_once(chat: Any, join: Join, until: Any) -> None:
    first = join(chat)
    sid = first.hello()["session"]
    first.send("a", "b")
    assert read_acknowledged(first, 2, received=2) == ["a", "b"]
    first.wire.reset()
    is_away(until)
    second = join(chat)
    assert second.resume(sid, received=2)["received"] == 2
    second.send(*map(str, range(64)))
    assert read_acknowledged(second, 64, received=66) == list(map(str, range(64)))


def test_text_that_begins_with_nul_passes_in_both_directions(chat: Any, join: Join, publish: Any, raw: Any) -> None:
    plain, peer = raw(chat), join(chat)
    peer.hello()
    texts = ["\0", "\0{}", "\0\0x", "x\0"]
    peer.send(*texts)
    assert peer.read(4) == texts
    publish(*texts, b"\0bytes")
    assert peer.read(5) == [*texts, b"\0bytes"]
    assert [plain.read().payload.decode() for _ in range(9)] == [*texts, *texts, "\0bytes"]


def test_a_second_connection_replaces_the_first_one(chat: Any, join: Join, clients: Any) -> None:
    first = join(chat)
    sid = first.hello()["session"]
    [row] = clients(chat)
    second = join(chat)
    assert second.resume(sid, received=0)["resumed"] is True
    with suppress(ConnectionResetError):
        assert first.wire.read_end() == b""
    [again] = clients(chat, 1)
    assert again["channel_id"] == row["channel_id"]
    assert not journal("warning")


@pytest.mark.parametrize(
    "forged",
    [{"session": "x" * 32}, {"session": None}, {"session": ["list"]}, {}, {"session": 7, "received": 10**9}],
)  # fmt: skip
def test_a_forged_session_begins_anew_and_gets_nothing(
    chat: Any, join: Join, publish: Any, forged: dict[str, Any]
) -> None:
    victim = join(chat)
    victim.hello()
    publish("secret")
    assert victim.read(1) == ["secret"]
    forger = join(chat)
    forger.control("resume", **forged)
    welcome = forger.read_control("welcome")
    assert (welcome["resumed"], welcome["position"], welcome["missing"]) == (False, 0, None)
    publish("after")
    assert forger.read(1) == ["after"]
    assert victim.read(1) == ["after"]


def test_a_position_ahead_of_the_session_begins_anew(chat: Any, join: Join, publish: Any) -> None:
    first = join(chat)
    sid = first.hello()["session"]
    publish("one")
    assert first.read(1) == ["one"]
    assert join(chat).resume(sid, received=2)["resumed"] is False


def test_a_session_belongs_to_its_route(serve: Any, join: Join, topic: Any) -> None:
    socket = ET.WebSocket(clients_subscribe_to=[topic])
    server = serve({"/ws": socket, "/other": socket})
    sid = join(server).hello()["session"]
    assert join(server, "/other").resume(sid, received=0)["resumed"] is False
    assert join(server).resume(sid, received=0)["resumed"] is True


@pytest.mark.parametrize(
    "message",
    ["hello", "\0", "\0[]", '\0{"type":7}', '\0{"type":"ack"}', '\0{"type":"resume","received":-1}', "\0" + "[" * 400],
)  # fmt: skip
def test_a_connection_must_begin_with_a_hello(chat: Any, join: Join, message: str) -> None:
    peer = join(chat)
    peer.wire.send(frame(message))
    assert peer.wire.read_close().code == 1002


def test_a_connection_without_a_hello_is_closed(
    chat: Any, join: Join, monkeypatch: pytest.MonkeyPatch, until: Any
) -> None:
    monkeypatch.setattr(sessions, "HELLO_TIMEOUT", 0.05)
    assert join(chat).wire.read_close().code == 1002
    until(lambda: not inside(chat).clients())


def test_an_invalid_control_message_ends_the_session(chat: Any, join: Join, until: Any) -> None:
    peer = join(chat)
    peer.hello()
    peer.wire.send(frame("\0oops"))
    assert peer.read_control("end")["code"] == 1002
    assert peer.wire.read_close().code == 1002
    until(lambda: not all_sessions())


def test_what_does_not_fit_is_reported_to_the_client_and_in_the_journal(
    serve: Any, join: Join, topic: Any, publish: Any, until: Any
) -> None:
    server = serve({"/ws": ET.WebSocket(clients_subscribe_to=[topic], resume={"bytes": 700_100})})
    first = join(server)
    sid = first.hello()["session"]
    first.wire.reset()
    is_away(until)
    publish(*(f"{number:70000}" for number in range(25)))  # longer than a piece, so that each is one
    second = join(server)
    welcome = second.resume(sid, received=0)
    assert (welcome["resumed"], welcome["missing"], welcome["position"]) == (True, 15, 15)
    assert [int(text) for text in second.read(10)] == list(range(15, 25))
    until(said("misses 15 messages", "warning"))


def test_the_number_of_messages_that_wait_is_bounded_by_the_bytes() -> None:
    ring = retained.Retained(64 * 100)
    for _ in range(1_000):
        ring.add((b"\x81\x01x", 1))
    assert (ring.end, ring.end - ring.start) == (1_000, 100)


def test_the_newest_message_waits_even_when_it_is_longer_than_the_limit() -> None:
    ring = retained.Retained(100)
    ring.add((b"a" * 50, 1))
    ring.add((b"b" * 500, 1))
    assert (ring.start, ring.after(1, 1)) == (1, [(b"b" * 500, 1)])


def test_a_client_that_does_not_come_back_in_time_leaves(
    serve: Any, join: Join, topic: Any, until: Any, publish: Any
) -> None:
    seen: list[Any] = []

    def note(message: Any, state: Any) -> Any:
        seen.append(message)
        return [[], state]

    actor = FX.StartActor(initial_state=None, rules={(AnyValue, AnyValue): note})
    server = serve({"/ws": ET.WebSocket(actor=actor, resume={"seconds": 0.2})})
    first = join(server)
    sid = first.hello()["session"]
    first.wire.reset()
    until(lambda: len(seen) == 2)
    assert [type(each).__name__ for each in seen] == ["WSClientConnected", "WSClientDisconnected"]
    assert join(server).resume(sid, received=0)["resumed"] is False
    until(said("begins anew"))


def test_an_actor_stays_while_its_client_is_away(serve: Any, join: Join, until: Any) -> None:
    seen: list[Any] = []

    def count(message: Any, state: int) -> Any:
        seen.append(message)
        return [[], state + 1]

    def connected(message: Any, state: Any) -> Any:
        return [[], (message.topic_out, 0)]

    def reply(message: str, state: Any) -> Any:
        out, number = state
        return [[FX.Publish(target=out, content=f"{message} {number}")], (out, number + 1)]

    def left(message: Any, state: Any) -> Any:
        seen.append(message.close_code)
        return [[], state]

    rules = {
        (ET.WSClientConnected, AnyValue): connected,
        (ET.WSClientDisconnected, AnyValue): left,
        (str, AnyValue): reply,
    }
    server = serve({"/ws": ET.WebSocket(actor=FX.StartActor(initial_state=None, rules=rules))})
    first = join(server)
    sid = first.hello()["session"]
    first.send("a")
    assert first.read(1) == ["a 0"]
    first.send("b")
    first.wire.reset()
    is_away(until)
    second = join(server)
    welcome = second.resume(sid, received=1)
    second.send(*["b", "c"][welcome["received"] - 1 :])
    assert second.read(2) == ["b 1", "c 2"]
    assert not seen
    second.control("bye")
    until(lambda: seen == [1000])
    assert not all_sessions()


def test_with_resume_off_a_session_ends_with_its_connection(serve: Any, join: Join, topic: Any, until: Any) -> None:
    server = serve({"/ws": ET.WebSocket(clients_subscribe_to=[topic], resume=False)})
    first = join(server)
    welcome = first.hello()
    assert welcome["seconds"] == 0
    first.wire.reset()
    until(lambda: not all_sessions())
    assert join(server).resume(welcome["session"], received=0)["resumed"] is False


def test_messages_that_were_confirmed_before_a_new_session_are_not_sent_again(chat: Any, join: Join) -> None:
    assert join(chat).resume("of another process", received=5, confirmed=7)["received"] == 7


@pytest.mark.parametrize("code", [1000, 4000, 1008])
def test_a_client_that_the_program_closes_is_told_so_and_cannot_come_back(
    chat: Any, join: Join, until: Any, code: int
) -> None:
    peer = join(chat)
    sid = peer.hello()["session"]
    FX.CloseWebSocketConnection(http_server=chat, channel_id=0, code=code, reason="enough") | run
    assert peer.read_control("end") == {"type": "end", "code": code, "reason": "enough"}
    assert peer.wire.read_close().code == code
    assert join(chat).resume(sid, received=0)["resumed"] is False


def test_a_replaced_server_takes_its_sessions_over(
    serve: Any, join: Join, topic: Any, publish: Any, until: Any
) -> None:
    socket = ET.WebSocket(clients_subscribe_to=[topic], clients_push_into_=[topic])
    before = serve({"/ws": socket}, allow_restart=True)
    first = join(before)
    sid = first.hello()["session"]
    publish("one")
    assert first.read(1) == ["one"]
    after = serve({"/ws": socket}, port=before.port, allow_restart=True)
    publish("two")
    second = join(after)
    welcome = second.resume(sid, received=1)
    assert (welcome["resumed"], welcome["missing"]) == (True, 0)
    assert second.read(1) == ["two"]
    second.send("three")
    assert second.read(1) == ["three"]
    assert [each.endpoint.server for each in all_sessions()] == [after]


def test_a_replaced_server_with_other_topics_keeps_those_that_it_has(
    serve: Any, join: Join, topic: Any, publish: Any, until: Any
) -> None:
    old, new = ET.Topic("old of a session"), ET.Topic("new of a session")
    before = serve({"/ws": ET.WebSocket(clients_subscribe_to=[topic, old])}, allow_restart=True)
    first = join(before)
    sid = first.hello()["session"]
    first.wire.reset()
    is_away(until)
    publish("before")
    after = serve({"/ws": ET.WebSocket(clients_subscribe_to=[new, topic])}, port=before.port, allow_restart=True)
    second = join(after)
    second.resume(sid, received=0)
    FX.Publish(target=old, content="old") | run
    FX.Publish(target=new, content="new") | run
    publish("after")
    assert second.read(3) == ["before", "new", "after"]


def test_a_replaced_server_begins_a_new_actor_for_a_session(serve: Any, join: Join, until: Any) -> None:
    events: list[Any] = []

    def noted(name: str) -> Any:
        def note(message: Any, state: Any) -> Any:
            events.append((name, message if isinstance(message, str) else type(message).__name__))
            return [[], state]

        return ET.WebSocket(actor=FX.StartActor(initial_state=None, rules={(AnyValue, AnyValue): note}))

    before = serve({"/ws": noted("old")}, allow_restart=True)
    first = join(before)
    sid = first.hello()["session"]
    after = serve({"/ws": noted("new")}, port=before.port, allow_restart=True)
    until(lambda: ("old", "WSClientDisconnected") in events)
    second = join(after)
    assert second.resume(sid, received=0)["resumed"] is True
    second.send("hello")
    until(lambda: ("new", "hello") in events)
    assert events == [
        *[("old", "WSClientConnected"), ("old", "WSClientDisconnected")],
        *[("new", "WSClientConnected"), ("new", "hello")],
    ]


def test_a_stopped_server_ends_its_sessions(chat: Any, join: Join) -> None:
    peer = join(chat)
    peer.hello()
    FX.StopHTTPServer(server=chat) | run
    assert not all_sessions()


def test_a_new_client_gets_the_history_and_a_resumed_one_only_what_it_missed(
    serve: Any, join: Join, topic: Any, publish: Any, until: Any
) -> None:
    server = serve({"/ws": ET.WebSocket(clients_subscribe_to=[topic], history=3)})
    publish("one", "\0two", "three", "four")
    first = join(server)
    sid = first.hello()["session"]
    assert first.read(3) == ["\0two", "three", "four"]
    first.wire.reset()
    is_away(until)
    publish("five")
    second = join(server)
    second.resume(sid, received=3)
    assert second.read(1) == ["five"]


def test_a_long_gap_is_sent_again_as_fast_as_the_client_reads(
    serve: Any, join: Join, topic: Any, publish: Any, until: Any
) -> None:
    server = serve({"/ws": ET.WebSocket(clients_subscribe_to=[topic], resume={"bytes": 48 << 20})})
    first = join(server)
    sid = first.hello()["session"]
    first.wire.reset()
    is_away(until)
    publish(*(bytes([number]) * (1 << 20) for number in range(30)))
    second = join(server)
    assert second.resume(sid, received=0)["missing"] == 0
    until(lambda: all_sessions()[0].connection.is_writing_paused)
    publish("then")
    assert [message[:1] for message in second.read(30)] == [bytes([number]) for number in range(30)]
    assert second.read(1) == ["then"]


@pytest.mark.parametrize("policy", ["drop_oldest", "drop_newest"])
def test_a_client_is_told_how_many_messages_its_route_dropped(
    serve: Any, join: Join, topic: Any, publish: Any, until: Any, policy: str
) -> None:
    slow = {"policy": policy, "max_bytes": 1 << 20}
    server = serve({"/ws": ET.WebSocket(clients_subscribe_to=[topic], slow_client=slow)})
    peer = join(server)
    peer.hello()
    count = 200
    publish(*(number.to_bytes(4, "big") + bytes(200_000) for number in range(count)))
    got: dict[int, int] = {}
    position = 0
    while position < count:
        message = peer.next()
        if isinstance(message, dict):
            assert message["type"] == "gap"
            position += message["missing"]
        else:
            got[position] = int.from_bytes(message[:4], "big")
            position += 1
    assert position == count
    assert all(place == number for place, number in got.items())
    assert len(got) < count


def test_sessions_that_share_messages_count_them_once_and_all_together_have_a_limit(
    serve: Any, join: Join, topic: Any, publish: Any, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "RETAINED_LIMIT", 600_000)
    server = serve({"/ws": ET.WebSocket(clients_subscribe_to=[topic])})
    peers = [join(server) for _ in range(4)]
    ids = [peer.hello()["session"] for peer in peers]
    for peer in peers:
        peer.wire.reset()
    is_away(until, 4)
    publish(*[bytes(100_000)] * 3)
    on_loop(lambda: default_runtime().service(Sessions)._check_bytes())
    assert join(server).resume(ids[0], received=0)["missing"] == 0
    publish(*[bytes(100_000)] * 4)
    on_loop(lambda: default_runtime().service(Sessions)._check_bytes())
    assert join(server).resume(ids[1], received=0)["missing"] == 7
    until(said("wait for all clients", "warning"))


def test_the_client_that_has_been_away_longest_leaves_when_there_are_too_many(
    chat: Any, join: Join, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "AWAY_LIMIT", 2)
    ids = []
    for number in range(3):
        peer = join(chat)
        ids.append(peer.hello()["session"])
        peer.wire.reset()
        is_away(until, min(number + 1, 2))
    assert [join(chat).resume(sid, received=0)["resumed"] for sid in ids] == [False, True, True]


def test_compression_is_not_negotiated_with_the_subprotocol(serve: Any, raw: Any, topic: Any) -> None:
    server = serve({"/ws": ET.WebSocket(clients_subscribe_to=[topic], compression=True, subprotocols=["chat"])})
    wire = raw(server, None)
    offer = {"Sec_WebSocket_Protocol": "chat, zefnb.1", "Sec_WebSocket_Extensions": "permessage-deflate"}
    wire.send(handshake(**offer))
    status, headers, _ = wire.read_head()
    assert (status, headers["sec-websocket-protocol"]) == (101, "zefnb.1")
    assert "sec-websocket-extensions" not in headers


def test_a_control_message_may_be_longer_than_the_messages_of_the_route(serve: Any, join: Join, topic: Any) -> None:
    server = serve({"/ws": ET.WebSocket(clients_push_into_=[topic], max_size=20)})
    sid = join(server).hello()["session"]
    peer = join(server)
    assert peer.resume(sid, received=0)["resumed"] is True
    peer.send("x" * 600)
    assert peer.wire.read_close().code == 1009


def test_no_echo_and_sender_work_for_sessions(serve: Any, join: Join, topic: Any, until: Any) -> None:
    room = ET.Topic("room without an echo")
    server = serve({"/ws": ET.WebSocket(clients_subscribe_to=[room], clients_push_into_=[room], echo=False)})
    one, two = join(server), join(server)
    one.hello(), two.hello()
    one.send("from one")
    assert two.read(1) == ["from one"]
    two.send("from two")
    assert one.read(1) == ["from two"]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("yes", "got 'yes'"),
        (60, "got 60"),
        ({"seconds": -1}, "got -1"),
        ({"seconds": True}, "got True"),
        ({"bytes": 1.5}, "got 1.5"),
        ({"bytes": 65 << 20}, "got"),
        ({"minutes": 1}, "minutes"),
        (ET.SlowClient(), "got ET.SlowClient()"),
    ],
)  # fmt: skip
def test_wrong_values_of_resume_are_named(serve: Any, topic: Any, given: Any, problem: str) -> None:
    with pytest.raises(InvalidEffect, match="resume") as raised:
        serve({"/ws": ET.WebSocket(clients_subscribe_to=[topic], resume=given)})
    assert problem in str(raised.value)


def test_every_form_of_resume_is_accepted() -> None:
    faults: list[Any] = []
    given = [True, False, 0, ET.Resume(seconds=5), {"bytes": 0}, ET.Resume()]
    assert [resume.check_resume("resume", each, faults) for each in given] == [
        *[resume.DEFAULT, resume.OFF, resume.OFF, resume.Resume(seconds=5), resume.Resume(bytes=0), resume.DEFAULT]
    ]
    assert not faults
