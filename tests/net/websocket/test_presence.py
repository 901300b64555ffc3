"""Presence: a join before the first message of a client, a leave after its last, each once, whatever ends it."""

from __future__ import annotations

import json
import random
import socket
import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.net.conftest import inside, journal, on_loop
from tests.net.websocket.peer import Peer, all_sessions, is_away
from tests.net.wire import Wire, closing, frame, handshake
from zefnb import ET, FX, generate_uid, insert_into, run, zef_function
from zefnb.engine.runtime import default_runtime
from zefnb.errors import InvalidEffect
from zefnb.net.websocket import presence as module
from zefnb.net.websocket import write_side
from zefnb.net.websocket.presence import Presence

Heard = list[Any]


@pytest.fixture
def who() -> Any:
    return ET.Topic(generate_uid())


@pytest.fixture
def heard(who: Any, topic: Any) -> Heard:
    """What is published to the room and to its presence, in the order of the hub."""
    received: Heard = []
    hear = zef_function(received.append, inline=True)
    FX.SubscribeFX(topic=who, op=hear) | run
    FX.SubscribeFX(topic=topic, op=hear) | run
    return received


@pytest.fixture
def room(serve: Any, topic: Any, who: Any) -> Callable[..., Any]:
    """`room()`: a server with the room at `/ws`, and presence."""

    def start(port: int = 0, **options: Any) -> Any:
        route = ET.WebSocket(clients_subscribe_to=[topic], clients_push_into_=[topic], presence=who, **options)
        return serve({"/ws": route}, port=port, allow_restart=True)

    return start


@pytest.fixture
def join(raw: Any) -> Callable[..., Peer]:
    return lambda server, path="/ws": Peer(raw(server, path, Sec_WebSocket_Protocol="zefnb.1"))


def present(who: Any) -> list[dict[str, Any]]:
    return FX.QueryPresence(topic=who) | run


def kinds(heard: Heard) -> list[str]:
    return [each if isinstance(each, str) else type(each).__name__ for each in heard]


def lefts(heard: Heard) -> list[Any]:
    return [each for each in heard if type(each) is ET.ClientLeft]


def test_a_join_precedes_the_first_message_and_a_leave_follows_the_last(room: Any, raw: Any, heard: Heard, until: Any):
    server = room()
    texts = [f"text {n}" for n in range(100)]
    for _ in range(10):
        wire = raw(server, None)
        # Everything at once: the server has the last message before it replies to the handshake.
        wire.send(handshake(), *map(frame, texts), closing(1000))
        until(lambda: lefts(heard))
        assert kinds(heard) == ["ClientJoined", *texts, "ClientLeft"]
        heard.clear()


def test_both_have_the_same_place_for_sockets(serve: Any, topic: Any, who: Any, raw: Any):
    route = ET.WebSocket(clients_subscribe_to=[topic, who], clients_push_into_=[topic], presence=who)
    server = serve({"/ws": route})
    listener = raw(server)
    own = json.loads(listener.read().payload)
    assert own["type"] == "ClientJoined"
    talker = raw(server, None)
    talker.send(handshake(), frame("first"), frame("last"), closing(1000))
    joined, first, last, left = (listener.read().payload.decode() for _ in range(4))
    assert (first, last) == ("first", "last")
    joined, left = json.loads(joined), json.loads(left)
    assert (joined["type"], left["type"], left["close_code"]) == ("ClientJoined", "ClientLeft", 1000)
    assert joined["id"] == left["id"] != own["id"]
    assert (joined["channel_id"], left["channel_id"]) == (1, 1)


def test_the_messages_and_the_query_describe_the_client(serve: Any, who: Any, heard: Heard, raw: Any, until: Any):
    route = ET.WebSocket(clients_subscribe_to=[who], presence=who)
    server = serve({"/rooms/{room}": route})
    wire = raw(server, "/rooms/tea?name=Ada", Origin=f"http://localhost:{server.port}")
    [row] = present(who)
    [client] = FX.QueryAllConnectedWebsocketClients(http_server=server) | run
    assert row == {
        "id": row["id"],
        "channel_id": 0,
        "client_ip": "127.0.0.1",
        "since": client["connect_time"],
        "path": "/rooms/tea",
        "path_params": {"room": "tea"},
        "query_params": {"name": "Ada"},
        "origin": f"http://localhost:{server.port}",
        "http_server": server,
        "away": False,
    }
    wire.send(closing(4000, "a text for all"))
    until(lambda: lefts(heard))
    joined, left = heard
    for each in (joined, left):
        assert (each.id, each.channel_id, each.path) == (row["id"], 0, "/rooms/tea")
        assert (each.query_params, each.path_params) == ({"name": "Ada"}, {"room": "tea"})
        assert (each.client_ip, each.http_server) == ("127.0.0.1", server)
        assert each.origin == row["origin"]
    assert joined.time == left.since == row["since"]
    assert left.time >= left.since
    assert (left.close_code, left.reason) == (4000, "closed by the client")
    assert present(who) == []


def test_other_clients_get_no_private_fields(serve: Any, who: Any, raw: Any):
    route = ET.WebSocket(clients_subscribe_to=[who], presence=who)
    server = serve({"/ws/{token}": route})
    first = raw(server, "/ws/a?token=secret")
    first.read()
    raw(server, "/ws/b?token=secret").send(closing(4000, "a text for all"))
    joined, left = json.loads(first.read().payload), json.loads(first.read().payload)
    assert set(joined) == {"type", "id", "channel_id", "path", "time"}
    assert set(left) == {*joined, "since", "close_code"}


def test_the_user_of_a_login_is_announced_without_private_fields(serve: Any, who: Any, heard: Heard, raw: Any):
    def may_come_in(name: str, password: str) -> dict[str, str]:
        return {"id": "7", "name": name, "email": "ada@example.com"}

    route = ET.WebSocket(clients_subscribe_to=[who], presence=who)
    server = serve({"/ws": route}, auth=may_come_in)
    address = f"http://localhost:{server.port}"
    with httpx.Client(trust_env=False, base_url=address, headers={"Origin": address}) as browser:
        browser.post("/auth/login", data={"name": "ada", "password": "x"})
        cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    wire = raw(server, None)
    wire.send(handshake(host=f"localhost:{server.port}", Cookie=cookie, Origin=address))
    assert wire.read_head()[0] == 101
    shown = json.loads(wire.read().payload)
    assert shown["user"].keys() <= {"id", "name", "provider"}
    assert shown["user"]["name"] == "ada"
    assert heard[0].user["email"] == present(who)[0]["user"]["email"] == "ada@example.com"


# What ends a client


def _closes(server: Any, wire: Wire) -> None:
    wire.send(closing(1001))


def _resets(server: Any, wire: Wire) -> None:
    wire.reset()


def _is_kicked(server: Any, wire: Wire) -> None:
    FX.CloseWebSocketConnection(http_server=server, channel_id=0, code=4001, reason="spam") | run


def _breaks_the_protocol(server: Any, wire: Wire) -> None:
    wire.send(frame("x", rsv=7))


def _sends_too_much(server: Any, wire: Wire) -> None:
    wire.send(frame(b"", announced=1 << 30))


def _stops(server: Any, wire: Wire) -> None:
    FX.StopHTTPServer(server=server) | run


ENDS = {
    _closes: (1001, "closed by the client"),
    _resets: (1006, "the connection was lost"),
    _is_kicked: (4001, "spam"),
    _breaks_the_protocol: (1002, "reserved bits"),
    _sends_too_much: (1009, "more than 1048576 bytes"),
    _stops: (1001, "the server stops"),
}


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__.strip("_"))
def test_a_client_leaves_once_with_code_and_reason(room: Any, raw: Any, heard: Heard, who: Any, until: Any, end: Any):
    server = room()
    wire = raw(server)
    end(server, wire)
    until(lambda: lefts(heard))
    if end is not _stops:
        FX.StopHTTPServer(server=server) | run
    assert kinds(heard) == ["ClientJoined", "ClientLeft"]
    assert (heard[1].close_code, heard[1].reason) == ENDS[end]
    assert present(who) == []


def test_all_clients_have_left_when_the_server_has_stopped(room: Any, raw: Any, heard: Heard, who: Any):
    server = room()
    for _ in range(20):
        raw(server)
    assert [row["channel_id"] for row in present(who)] == list(range(20))
    FX.StopHTTPServer(server=server) | run
    assert kinds(heard) == ["ClientJoined"] * 20 + ["ClientLeft"] * 20
    assert {each.id for each in heard[:20]} == {each.id for each in heard[20:]}
    assert present(who) == []


def test_a_client_that_is_closed_as_slow_leaves_once(
    room: Any, raw: Any, heard: Heard, topic: Any, until: Any, monkeypatch: Any
):
    made = write_side.WriteSide.connection_made

    def connection_made(self: Any, transport: Any) -> None:
        made(self, transport)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8_192)

    monkeypatch.setattr(write_side.WriteSide, "connection_made", connection_made)
    server = room(slow_client=ET.SlowClient(max_bytes=1 << 17))
    raw(server, receive_buffer=4_096)

    def is_closed() -> bool:
        FX.Publish(target=topic, content=b"x" * 65_536) | run
        return bool(lefts(heard))

    until(is_closed)
    FX.StopHTTPServer(server=server) | run
    [left] = lefts(heard)
    assert left.close_code == 1013
    assert left.reason not in ("", "closed by the client")


# Clients that can come back


def test_a_client_that_comes_back_neither_leaves_nor_joins(room: Any, join: Any, heard: Heard, who: Any, until: Any):
    server = room()
    peer = join(server)
    welcome = peer.hello()
    [before] = present(who)
    for _ in range(3):
        peer.wire.reset()
        is_away(until)
        assert present(who) == [{**before, "away": True}]
        peer = join(server)
        assert peer.resume(welcome["session"], 0)["resumed"]
        assert present(who) == [before]
    peer.send("still here")
    until(lambda: "still here" in heard)
    peer.control("bye")
    until(lambda: lefts(heard))
    assert kinds(heard) == ["ClientJoined", "still here", "ClientLeft"]
    assert (heard[2].id, heard[2].reason) == (before["id"], "closed by the client")


def test_a_client_that_does_not_come_back_leaves_when_its_time_is_over(
    room: Any, join: Any, heard: Heard, who: Any, until: Any
):
    server = room(resume={"seconds": 0.2})
    peer = join(server)
    peer.hello()
    peer.wire.reset()
    until(lambda: lefts(heard))
    assert kinds(heard) == ["ClientJoined", "ClientLeft"]
    assert (heard[1].close_code, heard[1].reason) == (1006, "it did not come back: 0.2 s are over")
    again = join(server)
    assert again.resume("gone", 0)["resumed"] is False
    until(lambda: kinds(heard) == ["ClientJoined", "ClientLeft", "ClientJoined"])
    assert heard[2].id != heard[0].id


def test_a_connection_without_a_hello_does_not_join(room: Any, join: Any, heard: Heard, who: Any, until: Any):
    server = room()
    peer = join(server)
    peer.wire.reset()
    until(lambda: inside(server).clients() == [])
    assert (heard, present(who)) == ([], [])


def test_clients_that_are_away_leave_with_the_server(room: Any, join: Any, heard: Heard, who: Any, until: Any):
    server = room()
    away, stays = join(server), join(server)
    away.hello(), stays.hello()
    away.wire.reset()
    is_away(until)
    FX.StopHTTPServer(server=server) | run
    assert kinds(heard) == ["ClientJoined"] * 2 + ["ClientLeft"] * 2
    assert {each.reason for each in lefts(heard)} == {"the server stops"}
    assert present(who) == []


def test_a_client_that_is_disconnected_while_away_leaves_at_once(room: Any, join: Any, heard: Heard, until: Any):
    peer = join(room())
    peer.hello()
    peer.wire.reset()
    is_away(until)
    [session] = all_sessions()
    on_loop(lambda: session.close(4401, "logged out"))
    assert kinds(heard) == ["ClientJoined", "ClientLeft"]
    assert heard[1].reason == "logged out"


def test_a_client_resumes_on_the_server_that_replaces_its_own_as_the_same_client(
    room: Any, join: Any, heard: Heard, who: Any, until: Any
):
    first = room()
    welcome = join(first).hello()
    [before] = present(who)
    second = room(port=first.port, max_size=5_000)
    peer = join(second)
    assert peer.resume(welcome["session"], 0)["resumed"]
    assert present(who) == [{**before, "http_server": second}]
    peer.control("bye")
    until(lambda: lefts(heard))
    assert kinds(heard) == ["ClientJoined", "ClientLeft"]
    assert (heard[1].id, heard[1].http_server) == (before["id"], second)


@pytest.mark.parametrize("there", [True, False], ids=["another topic", "none"])
def test_a_client_that_resumes_on_a_route_with_other_presence_leaves_the_former(
    room: Any, serve: Any, join: Any, topic: Any, heard: Heard, who: Any, there: bool
):
    first, other = room(), ET.Topic(generate_uid())
    welcome = join(first).hello()
    route = ET.WebSocket(clients_subscribe_to=[topic], presence=other if there else None)
    second = serve({"/ws": route}, port=first.port, allow_restart=True)
    assert join(second).resume(welcome["session"], 0)["resumed"]
    assert kinds(heard) == ["ClientJoined", "ClientLeft"]
    assert heard[1].reason == module.ROUTE_CHANGED
    assert present(who) == []
    assert len(present(other)) == there


# Routes with an actor


def test_a_leave_follows_what_the_actor_of_the_client_publishes_last(
    serve: Any, topic: Any, who: Any, raw: Any, heard: Heard, until: Any
):
    may_end = threading.Event()

    def handle(message: Any, state: Any) -> Any:
        if type(message) is ET.WSClientDisconnected:
            may_end.wait(20)
        return [[FX.Publish(target=topic, content=message if isinstance(message, str) else type(message).__name__)], 0]

    actor = FX.StartActor(initial_state=None, handler=handle)
    server = serve({"/ws": ET.WebSocket(actor=actor, presence=who)})
    wire = raw(server)
    wire.send(frame("hello"))
    wire.send(closing(1000))
    until(lambda: inside(server).clients() == [])
    assert len(present(who)) == 1
    may_end.set()
    until(lambda: lefts(heard))
    assert kinds(heard) == ["ClientJoined", "WSClientConnected", "hello", "WSClientDisconnected", "ClientLeft"]
    assert present(who) == []


def test_an_actor_that_does_not_end_delays_the_leave_for_a_bounded_time(
    serve: Any, who: Any, raw: Any, heard: Heard, until: Any, monkeypatch: Any
):
    monkeypatch.setattr(module, "LEAVE_TIMEOUT", 0.1)
    may_end = threading.Event()

    def handle(message: Any, state: Any) -> Any:
        may_end.wait(20)
        return [[], state]

    server = serve({"/ws": ET.WebSocket(actor=FX.StartActor(initial_state=None, handler=handle), presence=who)})
    raw(server).reset()
    until(lambda: lefts(heard))
    may_end.set()
    until(lambda: FX.ListActors() | run == [])
    assert kinds(heard) == ["ClientJoined", "ClientLeft"]


def test_a_client_leaves_when_its_actor_is_stopped(serve: Any, who: Any, raw: Any, heard: Heard, until: Any):
    actor = FX.StartActor(initial_state=None, handler=lambda message, state: [[], state])
    server = serve({"/ws": ET.WebSocket(actor=actor, presence=who)})
    raw(server)
    [client] = FX.QueryAllConnectedWebsocketClients(http_server=server) | run
    FX.StopActor(actor=client["actor"]) | run
    until(lambda: lefts(heard))
    assert kinds(heard) == ["ClientJoined", "ClientLeft"]
    assert heard[1].reason == "the actor of this connection has stopped"


def test_a_client_with_an_actor_comes_back_to_a_replaced_server_as_the_same_client(
    serve: Any, who: Any, join: Any, heard: Heard, until: Any
):
    actor = FX.StartActor(initial_state=None, handler=lambda message, state: [[], state])
    first = serve({"/ws": ET.WebSocket(actor=actor, presence=who)})
    welcome = join(first).hello()
    second = serve({"/ws": ET.WebSocket(actor=actor, presence=who)}, port=first.port, allow_restart=True)
    peer = join(second)
    assert peer.resume(welcome["session"], 0)["resumed"]
    assert len(present(who)) == 1
    FX.StopHTTPServer(server=second) | run
    until(lambda: lefts(heard))
    assert kinds(heard) == ["ClientJoined", "ClientLeft"]


@pytest.mark.parametrize("has_actor", [True, False], ids=["actor", "topics"])
def test_an_op_may_close_a_client_at_its_join(
    serve: Any, topic: Any, who: Any, raw: Any, heard: Heard, until: Any, has_actor: bool
):
    actor = FX.StartActor(initial_state=None, handler=lambda message, state: [[], state])
    options = {"actor": actor} if has_actor else {"clients_push_into_": [topic]}
    server = serve({"/ws": ET.WebSocket(presence=who, **options)})
    close = FX.CloseWebSocketConnection(http_server=server, channel_id=0, code=4000, reason="full")
    turn_away = zef_function(lambda each: close if type(each) is ET.ClientJoined else None, inline=True)
    FX.SubscribeFX(topic=who, op=turn_away) | run
    assert raw(server).read_close().code == 4000
    until(lambda: lefts(heard))
    assert kinds(heard) == ["ClientJoined", "ClientLeft"]
    assert (present(who), FX.ListActors() | run) == ([], [])
    assert journal("error") == []


# One topic for several routes


def test_routes_and_servers_share_a_topic(serve: Any, topic: Any, who: Any, raw: Any, heard: Heard):
    route = ET.WebSocket(clients_subscribe_to=[topic], presence=who)
    plain = ET.WebSocket(clients_subscribe_to=[topic])
    one, two = serve({"/a": route, "/b": route}), serve({"/a": route, "/c": plain})
    raw(one, "/b"), raw(two, "/a"), raw(two, "/c"), raw(one, "/a")
    assert [(row["http_server"], row["path"]) for row in present(who)] == [(one, "/b"), (two, "/a"), (one, "/a")]
    FX.StopHTTPServer(server=one) | run
    assert [row["http_server"] for row in present(who)] == [two]
    assert len({each.id for each in heard}) == 3


def test_a_page_of_parts_is_present_until_it_is_closed_also_when_its_parts_change(
    serve: Any, topic: Any, who: Any, join: Any, heard: Heard, until: Any
):
    parts = [ET.Value(topic=topic)]
    first = serve({"/": ET.Page(presence=who, parts=parts)})
    welcome = join(first, "/").hello()
    [before] = present(who)
    changed = ET.Page(presence=who, parts=[*parts, ET.Markdown("more")])
    second = serve({"/": changed}, port=first.port, allow_restart=True)
    peer = join(second, "/")
    assert peer.resume(welcome["session"], 0)["resumed"]
    assert present(who) == [{**before, "http_server": second}]
    peer.control("bye")
    until(lambda: lefts(heard))
    assert kinds(heard) == ["ClientJoined", "ClientLeft"]


def test_clients_of_a_replaced_route_stay_present(serve: Any, topic: Any, who: Any, raw: Any, heard: Heard, until: Any):
    server = serve({"/ws": ET.WebSocket(clients_subscribe_to=[topic], presence=who)})
    wire = raw(server)
    (
        FX.UpdateRunningHTTPServer(
            server=server, delta=[ET.InsertIn(path=["routes", "/ws"], value=ET.WebSocket(clients_subscribe_to=[topic]))]
        )
        | run
    )
    raw(server)
    assert [row["channel_id"] for row in present(who)] == [0]
    wire.send(closing(1000))
    until(lambda: lefts(heard))
    assert kinds(heard) == ["ClientJoined", "ClientLeft"]


def test_leaves_are_announced_in_the_room_by_a_map(room: Any, topic: Any, who: Any, raw: Any):
    def announce(each: Any) -> str:
        return f"{each.query_params['name']} {'comes' if type(each) is ET.ClientJoined else 'goes'}"

    FX.MapTopic(source=who, target=topic, op=announce) | run
    server = room()
    ada = raw(server, "/ws?name=Ada")
    assert ada.read().payload == b"Ada comes"
    raw(server, "/ws?name=Bob").send(closing(1000))
    assert [ada.read().payload for _ in range(2)] == [b"Bob comes", b"Bob goes"]


def test_in_a_crowd_that_comes_and_goes_each_client_joins_and_leaves_once(
    room: Any, raw: Any, join: Any, heard: Heard, who: Any, until: Any
):
    server, choose = room(resume={"seconds": 30}), random.Random(3)
    opened: list[Any] = []
    for number in range(120):
        wire = raw(server)
        wire.send(frame(f"{number}"))
        opened.append(wire)
        while len(opened) > 10:
            gone = opened.pop(choose.randrange(len(opened)))
            choose.choice([lambda w: w.send(closing(1000)), lambda w: w.reset()])(gone)
    until(lambda: len(lefts(heard)) == 110)
    FX.StopHTTPServer(server=server) | run
    joins = [each.id for each in heard if type(each) is ET.ClientJoined]
    assert len(joins) == len(set(joins)) == 120
    assert sorted(each.id for each in lefts(heard)) == sorted(joins)
    assert (present(who), on_loop(lambda: default_runtime().service(Presence)._members)) == ([], {})


# Mistakes


@pytest.mark.parametrize("given", ["who", 3, [ET.Topic("who")], ET.Topic, ET.Topic()], ids=repr)
def test_presence_is_one_topic(serve: Any, topic: Any, given: Any):
    with pytest.raises(InvalidEffect, match=r"routes\['/ws'\]\.presence"):
        serve({"/ws": ET.WebSocket(clients_subscribe_to=[topic], presence=given)})
    with pytest.raises(InvalidEffect, match=r"routes\['/'\]\.presence"):
        serve({"/": ET.Page(parts=[], presence=given)})


def test_a_query_needs_a_topic_with_a_name():
    with pytest.raises(InvalidEffect, match=r"FX\.QueryPresence"):
        FX.QueryPresence(topic=ET.Topic()) | run


def test_a_subscriber_that_fails_keeps_nobody_out(room: Any, raw: Any, who: Any, topic: Any):
    FX.SubscribeFX(topic=who, op=zef_function(lambda each: 1 / 0, inline=True)) | run
    FX.SubscribeFX(topic=who, op=insert_into(FX.Publish(target=topic), "content")) | run
    wire = raw(room())
    assert json.loads(wire.read().payload)["type"] == "ClientJoined"
    assert len(present(who)) == 1
