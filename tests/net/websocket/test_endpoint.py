"""Topic mode: every subscriber receives every message once, and all in one order."""

from __future__ import annotations

import asyncio
import functools
import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.net.conftest import journal, on_loop, peak_memory, said
from tests.net.wire import BINARY, TEXT, Frame, Wire, frame
from zefnb import ET, FX, Array1, Time, array_to_bytes, generate_uid, insert_into, run, u8, zef_function
from zefnb.engine.runtime import default_runtime
from zefnb.errors import InvalidEffect
from zefnb.topics.hub import Hub

Raw = Callable[..., Wire]


def fresh(count: int) -> list[Any]:
    return [ET.Topic(generate_uid()) for _ in range(count)]


def texts(wire: Wire, count: int) -> list[str]:
    return [wire.read().payload.decode() for _ in range(count)]


@pytest.mark.also_joined
def test_every_client_receives_the_messages_of_all(chat: Any, connect: Any):
    crowd = [connect(chat) for _ in range(5)]
    for number, talker in enumerate(crowd):
        talker.send(f"text {number}")
        talker.send(bytes([number]))
        for client in crowd:
            assert [client.recv(timeout=20), client.recv(timeout=20)] == [f"text {number}", bytes([number])]


@pytest.mark.also_joined
def test_clients_of_a_feed_receive_and_their_messages_are_dropped(
    serve: Any, topic: Any, connect: Any, raw: Raw, clients: Any, until: Any
):
    server = serve({"/feed": ET.WebSocket(clients_subscribe_to=[topic])})
    pushes, listens = raw(server, "/feed"), connect(server, "/feed")
    pushes.send(frame("let me in"), frame(b"please", BINARY), frame("now"))
    until(lambda: clients(server)[0]["ignored"] == 3)
    FX.Publish(target=topic, content="breaking news!") | run
    assert listens.recv(timeout=20) == "breaking news!"
    assert pushes.read().payload == b"breaking news!"
    assert [row["ignored"] for row in clients(server)] == [3, 0]
    entry = said("the route accepts none")()
    assert (entry["count"], entry["level"], entry["server"]) == (3, "info", server)


@pytest.mark.also_joined
def test_clients_of_a_collecting_endpoint_send_and_receive_nothing(serve: Any, topic: Any, raw: Raw, until: Any):
    server = serve(
        {"/in": ET.WebSocket(clients_push_into_=[topic]), "/out": ET.WebSocket(clients_subscribe_to=[topic])}
    )
    talker, listener = raw(server, "/in"), raw(server, "/out")
    talker.send(frame("hello"))
    assert listener.read().payload == b"hello"
    assert talker.silent()


@pytest.mark.also_joined
def test_several_topics_on_one_endpoint(serve: Any, connect: Any):
    one, two, three, four = fresh(4)
    server = serve({"/ws": ET.WebSocket(clients_subscribe_to=[one, two], clients_push_into_=[two, three, four])})
    heard: list[Any] = []
    FX.SubscribeFX(topic=three, op=zef_function(heard.append, inline=True)) | run
    client = connect(server)
    client.send("to all three")
    assert client.recv(timeout=20) == "to all three"
    FX.Publish(target=one, content="one") | run
    FX.Publish(target=four, content="four") | run
    FX.Publish(target=two, content="two") | run
    assert [client.recv(timeout=20), client.recv(timeout=20)] == ["one", "two"]
    assert heard == ["to all three"]


@pytest.mark.also_joined
def test_one_topic_on_several_endpoints_and_servers(serve: Any, topic: Any, raw: Raw):
    route = ET.WebSocket(clients_subscribe_to=[topic], clients_push_into_=[topic])
    servers = [serve({"/a": route, "/b": route}) for _ in range(2)]
    crowd = [raw(server, path) for server in servers for path in ("/a", "/b")]
    for number, talker in enumerate(crowd):
        talker.send(*(frame(f"{number}.{each}") for each in range(50)))
        for client in crowd:
            assert texts(client, 50) == [f"{number}.{each}" for each in range(50)]


@pytest.mark.also_joined
def test_a_name_is_a_topic(serve: Any, connect: Any):
    server = serve({"/ws": ET.WebSocket(clients_subscribe_to=[ET.Topic("chat")])})
    client = connect(server)
    FX.Publish(target=ET.Topic("chat"), content="by name") | run
    assert client.recv(timeout=20) == "by name"


@pytest.mark.also_joined
def test_a_deleted_topic_publishes_nothing_and_its_clients_stay_connected(
    chat: Any, topic: Any, raw: Raw, clients: Any
):
    first = raw(chat)
    clients(chat, 1)
    FX.DeleteTopic(topic=topic) | run
    first.send(frame("anybody?"))
    assert first.silent()
    second = raw(chat)
    second.send(frame("again"))
    assert second.read().payload == b"again"
    assert first.silent(0.05)
    assert [row["channel_id"] for row in clients(chat)] == [0, 1]


# One order, nothing lost


def test_ten_thousand_pipelined_messages_reach_a_hundred_clients_in_order(chat: Any):
    count, crowd_size = 10_000, 100
    expected = b"".join(b"\x81%c%05d" % (5, number) for number in range(count))

    async def listen(port: int, ready: asyncio.Event) -> bytes:
        from tests.net.wire import handshake

        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        writer.write(handshake())
        await reader.readuntil(b"\r\n\r\n")
        ready.set()
        heard = await reader.readexactly(len(expected))
        writer.write(frame(b"", 0x8))
        rest = await reader.read()
        writer.close()
        await writer.wait_closed()
        assert rest == b"\x88\x00", "something came twice"
        return heard

    async def whole() -> list[bytes]:
        ready = [asyncio.Event() for _ in range(crowd_size)]
        listeners = [asyncio.create_task(listen(chat.port, each)) for each in ready]
        for each in ready:
            await each.wait()
        with Wire(chat.port).open() as talker:
            burst = b"".join(frame(b"%05d" % number) for number in range(count))
            await asyncio.to_thread(talker.send, burst)
            talked = await asyncio.to_thread(lambda: [talker.read() for _ in range(count)])
        assert [each.payload for each in talked] == [b"%05d" % number for number in range(count)]
        return await asyncio.wait_for(asyncio.gather(*listeners), 60)

    for heard in asyncio.run(whole()):
        assert heard == expected
    assert journal("warning") == []


@pytest.mark.also_joined
def test_all_clients_receive_one_order_that_preserves_each_senders_order(chat: Any, raw: Raw):
    talkers, listeners = [raw(chat) for _ in range(8)], [raw(chat) for _ in range(3)]
    count = 500

    def talk(number: int) -> None:
        for each in range(count):
            talkers[number].send(frame(f"{number}.{each}"))

    def publish() -> None:
        for each in range(count):
            FX.Publish(target=topic_of(chat), content=f"p.{each}") | run

    threads = [threading.Thread(target=talk, args=(number,)) for number in range(8)]
    threads.append(threading.Thread(target=publish))
    for thread in threads:
        thread.start()
    heard = [texts(client, 9 * count) for client in (*talkers, *listeners)]
    for thread in threads:
        thread.join(20)
    assert all(each == heard[0] for each in heard)
    for who in [*map(str, range(8)), "p"]:
        assert [each for each in heard[0] if each.startswith(f"{who}.")] == [f"{who}.{each}" for each in range(count)]


def topic_of(server: Any) -> Any:
    from tests.net.conftest import inside

    return inside(server).endpoints["/ws"].config.subscribe_to[0]


@pytest.mark.also_joined
def test_topics_published_in_turn_keep_their_order_at_each_client(serve: Any, raw: Raw):
    one, two = fresh(2)
    server = serve(
        {
            "/both": ET.WebSocket(clients_subscribe_to=[one, two]),
            "/one": ET.WebSocket(clients_subscribe_to=[one]),
            "/two": ET.WebSocket(clients_subscribe_to=[two]),
        }
    )
    both, only_one, only_two = raw(server, "/both"), raw(server, "/one"), raw(server, "/two")
    pattern = [one, two, one, one, two, two, two, one] * 100
    [FX.Publish(target=target, content=str(number)) for number, target in enumerate(pattern)] | run
    assert texts(both, 800) == [str(number) for number in range(800)]
    assert texts(only_one, 400) == [str(number) for number, target in enumerate(pattern) if target is one]
    assert texts(only_two, 400) == [str(number) for number, target in enumerate(pattern) if target is two]


@pytest.mark.also_joined
def test_a_broadcast_and_a_message_to_one_client_keep_their_order(serve: Any, topic: Any, raw: Raw):
    """An actor's client that also subscribes to a topic: `topic_out` and the broadcast interleave as published."""

    @zef_function(inline=True)
    def joins(message: Any, state: Any) -> Any:
        if isinstance(message, ET.WSClientConnected):
            forward = insert_into(FX.Publish(target=message.topic_out), "content")
            return [[FX.SubscribeFX(topic=topic, op=forward)], message.topic_out]
        if not isinstance(message, str):
            return [[], state]
        steps = [FX.Publish(target=(topic, state)[n % 2], content=f"{message}.{n}") for n in range(20)]
        return [steps, state]

    server = serve(
        {
            "/ws": ET.WebSocket(actor=FX.StartActor(initial_state=None, handler=joins)),
            "/feed": ET.WebSocket(clients_subscribe_to=[topic]),
        }
    )
    member, listener = raw(server), raw(server, "/feed")
    member.send(*(frame(str(n)) for n in range(30)))
    direct = [each for each in texts(member, 600) if int(each.partition(".")[2]) % 2]
    assert direct == [f"{m}.{n}" for m in range(30) for n in range(1, 20, 2)]
    assert texts(listener, 300) == [f"{m}.{n}" for m in range(30) for n in range(0, 20, 2)]


@pytest.mark.also_joined
def test_a_client_that_joins_or_leaves_during_a_burst_receives_a_contiguous_part(chat: Any, topic: Any, raw: Raw):
    done = threading.Event()

    def publish() -> None:
        number = 0
        while not done.is_set():
            FX.Publish(target=topic, content=str(number)) | run
            number += 1

    publisher = threading.Thread(target=publish)
    publisher.start()
    stays = raw(chat)
    try:
        for _ in range(20):
            heard = [int(text) for text in texts(raw(chat), 100)]
            assert heard == list(range(heard[0], heard[0] + 100))
        heard = [int(text) for text in texts(stays, 2_000)]
        assert heard == list(range(heard[0], heard[0] + 2_000))
    finally:
        done.set()
        publisher.join(20)


def test_resetting_half_of_the_clients_during_a_broadcast_costs_the_others_nothing(
    chat: Any, topic: Any, raw: Raw, clients: Any
):
    crowd = [raw(chat) for _ in range(60)]
    clients(chat, 60)
    for number in range(500):
        FX.Publish(target=topic, content=str(number)) | run
        if number >= 200 and number % 10 == 0:
            crowd[(number - 200) // 10].reset()
    for wire in crowd[30:]:
        assert texts(wire, 500) == [str(number) for number in range(500)]
    clients(chat, 30)
    assert journal("warning") == []


def test_a_client_that_reads_slower_than_messages_are_published_is_kept_and_loses_nothing(
    chat: Any, topic: Any, raw: Raw, clients: Any
):
    wire = raw(chat)
    clients(chat, 1)
    count, heard = 15_000, []

    def listen() -> None:
        for number in range(count):
            heard.append(wire.read().payload[:5])
            if number % 100 == 0:
                time.sleep(0.01)

    listener = threading.Thread(target=listen)
    listener.start()
    with peak_memory() as peak:
        for number in range(count):
            FX.Publish(target=topic, content=f"{number:05d}".ljust(2_048, "x")) | run
        listener.join(60)
        assert peak() < 24 << 20, "30 MB were published; the publisher was not paused"
    assert heard == [b"%05d" % number for number in range(count)]
    assert journal("warning") == []


# From where one publishes


@pytest.mark.also_joined
def test_publishing_from_every_place(chat: Any, topic: Any, raw: Raw):
    wire = raw(chat)
    FX.Publish(target=topic, content="main thread") | run
    assert wire.read().payload == b"main thread"

    thread = threading.Thread(target=lambda: FX.Publish(target=topic, content="another thread") | run)
    thread.start()
    assert wire.read().payload == b"another thread"
    thread.join(20)

    async def elsewhere() -> None:
        await FX.Publish(target=topic, content="another loop")
        FX.Publish(target=topic, content="another loop, not awaited") | run

    asyncio.run(elsewhere())
    assert texts(wire, 2) == ["another loop", "another loop, not awaited"]

    on_loop(lambda: FX.Publish(target=topic, content="our loop") | run)
    assert wire.read().payload == b"our loop"


# What can be sent


@pytest.mark.parametrize(
    ("content", "sent"),
    [
        ("grüße 🍃", Frame(TEXT, "grüße 🍃".encode())),
        ("", Frame(TEXT, b"")),
        (b"\x00\xff", Frame(BINARY, b"\x00\xff")),
        (b"", Frame(BINARY, b"")),
        (bytearray(b"ab"), Frame(BINARY, b"ab")),
        (memoryview(b"abcd")[1:3], Frame(BINARY, b"bc")),
        ({"a": [1, 2.5, None, True, "ä"]}, Frame(TEXT, '{"a": [1, 2.5, null, true, "ä"]}'.encode())),
        ([], Frame(TEXT, b"[]")),
        (42, Frame(TEXT, b"42")),
        (False, Frame(TEXT, b"false")),
        (None, Frame(TEXT, b"null")),
        (ET.Guest(name="Ada"), Frame(TEXT, b'{"type": "Guest", "name": "Ada"}')),
    ],
    ids=repr,
)
@pytest.mark.also_joined
def test_each_kind_of_content_is_sent_in_its_frame(chat: Any, topic: Any, raw: Raw, content: Any, sent: Frame):
    wire = raw(chat)
    FX.Publish(target=topic, content=content) | run
    assert wire.read() == sent


def test_a_time_is_sent_as_json(chat: Any, topic: Any, raw: Raw):
    wire = raw(chat)
    FX.Publish(target=topic, content={"at": Time("2026-01-02T03:04:05Z")}) | run
    assert json.loads(wire.read().payload)["at"].startswith("2026-01-02T03:04:05")


@pytest.mark.parametrize(
    "content", [{"a": "half \ud800"}, 10**5_000, "half \ud800"], ids=["in a dict", "digits", "text"]
)
@pytest.mark.also_joined
def test_content_that_cannot_be_sent_is_in_the_journal_and_the_rest_arrives(
    chat: Any, topic: Any, raw: Raw, until: Any, content: Any
):
    wire = raw(chat)
    for each in ("before", content, "after"):
        on_loop(functools.partial(default_runtime().service(Hub).publish, topic, each))
    assert texts(wire, 2) == ["before", "after"]
    assert until(said("delivery to", "error"))["topic"] == topic


@pytest.mark.also_joined
def test_a_binary_frame_is_an_array_in_ops_and_unchanged_for_clients(serve: Any, raw: Raw, until: Any):
    from_clients, to_clients = fresh(2)
    seen: list[Any] = []
    server = serve({"/ws": ET.WebSocket(clients_subscribe_to=[to_clients], clients_push_into_=[from_clients])})
    FX.SubscribeFX(topic=from_clients, op=zef_function(seen.append, inline=True)) | run
    FX.SubscribeFX(topic=from_clients, op=array_to_bytes | insert_into(FX.Publish(target=to_clients), "content")) | run
    wire = raw(server)
    everything = bytes(range(256)) * 300
    wire.send(frame(everything, BINARY))
    assert wire.read() == Frame(BINARY, everything)
    until(lambda: seen)
    assert isinstance(seen[0], Array1[u8])
    assert bytes(seen[0]) == everything
    FX.Publish(target=to_clients, content=seen[0]) | run
    assert wire.read() == Frame(BINARY, everything)


@pytest.mark.also_joined
def test_text_is_a_string_in_ops(chat: Any, topic: Any, raw: Raw, until: Any):
    seen: list[Any] = []
    FX.SubscribeFX(topic=topic, op=zef_function(seen.append, inline=True)) | run
    raw(chat).send(frame("text"))
    until(lambda: seen == ["text"])
    assert type(seen[0]) is str


# Who is subscribed


@pytest.mark.also_joined
def test_a_connection_and_a_server_leave_no_subscription_behind(
    chat: Any, topic: Any, raw: Raw, clients: Any, until: Any
):
    wires = [raw(chat) for _ in range(3)]
    (binding,) = FX.StreamGraphSnapshot() | run
    assert (binding["kind"], binding["source"], binding["count"]) == ("websocket", topic, 3)
    for wire in wires:
        wire.close()
    clients(chat, 0)
    assert (FX.StreamGraphSnapshot() | run) == []
    raw(chat)
    FX.StopHTTPServer(server=chat) | run
    assert (FX.StreamGraphSnapshot() | run) == []


def test_five_hundred_connections_leave_nothing_behind(serve: Any, topic: Any, raw: Raw, clients: Any, until: Any):
    @zef_function(inline=True)
    def joins(message: Any, state: Any) -> Any:
        if isinstance(message, ET.WSClientConnected):
            forward = insert_into(FX.Publish(target=message.topic_out), "content")
            return [[FX.SubscribeFX(topic=topic, op=forward)], state]
        return [[], state]

    server = serve({"/ws": ET.WebSocket(actor=FX.StartActor(initial_state=None, handler=joins))})
    for number in range(500):
        with Wire(server.port).open() as wire:
            FX.Publish(target=topic, content=str(number)) | run
            assert wire.read().payload.decode() == str(number)
            if number % 2:
                wire.reset()
    clients(server, 0)
    until(lambda: (FX.ListActors() | run) == [])
    assert (FX.StreamGraphSnapshot() | run) == []
    from tests.net.conftest import inside
    from zefnb.net.websocket.fanout import Fanouts

    until(lambda: not inside(server)._connections)
    assert default_runtime().service(Fanouts)._fanouts == {}


# What a route may be


@pytest.mark.parametrize(
    ("fields", "where", "text"),
    [
        ({}, "routes['/ws']", "neither topics nor an actor"),
        ({"clients_subscribe_to": []}, "routes['/ws']", "neither topics nor an actor"),
        ({"clients_subscribe_to": ["chat"]}, "routes['/ws'].clients_subscribe_to", "ET.Topic('chat')"),
        ({"clients_subscribe_to": "chat"}, "routes['/ws'].clients_subscribe_to", "ET.Topic('chat')"),
        ({"clients_push_into_": [5]}, "routes['/ws'].clients_push_into_", "5"),
        ({"clients_push_into_": 5}, "routes['/ws'].clients_push_into_", "a list of topics"),
        (
            {"clients_push_into": [ET.Topic("t")]},
            "routes['/ws'].clients_push_into",
            "did you mean 'clients_push_into_'",
        ),
        ({"actor": 5}, "routes['/ws'].actor", "FX.StartActor"),
        ({"actor": FX.StartActor(handler=print)}, "routes['/ws'].actor.initial_state", "missing"),
        ({"actor": FX.StartActor(initial_state=0)}, "routes['/ws'].actor.rules", "neither"),
        ({"clients_push_into_": [ET.Topic("t")], "slow_client": "wait"}, "routes['/ws'].slow_client", "'drop_oldest'"),
        ({"clients_push_into_": [ET.Topic("t")], "slow_client": 5}, "routes['/ws'].slow_client", "ET.SlowClient"),
        (
            {"clients_push_into_": [ET.Topic("t")], "slow_client": ET.SlowClients(policy="close")},
            "routes['/ws'].slow_client",
            "ET.SlowClient(",
        ),
        *(
            ({"clients_push_into_": [ET.Topic("t")], "slow_client": given}, f"routes['/ws'].slow_client.{field}", text)
            for given, field, text in (
                ({"policy": "wait"}, "policy", "'drop_newest'"),
                ({"policy": ["close"]}, "policy", "'drop_newest'"),
                ({"max_byte": 5}, "max_byte", "did you mean 'max_bytes'"),
                ({"max_bytes": 0}, "max_bytes", "bytes"),
                ({"max_bytes": 1.5}, "max_bytes", "bytes"),
                ({"max_bytes": True}, "max_bytes", "bytes"),
                (ET.SlowClient(max_seconds=0), "max_seconds", "seconds"),
                (ET.SlowClient(max_seconds=float("nan")), "max_seconds", "seconds"),
                (ET.SlowClient(max_seconds="30"), "max_seconds", "seconds"),
            )
        ),
        ({"clients_push_into_": [ET.Topic("t")], "max_size": 0}, "routes['/ws'].max_size", "bytes"),
        ({"clients_push_into_": [ET.Topic("t")], "max_size": True}, "routes['/ws'].max_size", "bytes"),
        ({"clients_push_into_": [ET.Topic("t")], "compression": 1}, "routes['/ws'].compression", "True or False"),
        ({"clients_push_into_": [ET.Topic("t")], "subprotocols": "v1"}, "routes['/ws'].subprotocols", "list of names"),
        ({"clients_push_into_": [ET.Topic("t")], "nan": "zero"}, "routes['/ws'].nan", "'null' | 'refuse'"),
        ({"clients_push_into_": [ET.Topic("t")], "nan": 0}, "routes['/ws'].nan", "'null' | 'refuse'"),
    ],
    ids=str,
)
def test_a_route_that_cannot_be_names_its_field(fields: Any, where: str, text: str):
    with pytest.raises(InvalidEffect) as caught:
        FX.StartHTTPServer(routes={"/ws": ET.WebSocket(**fields)}, port=0) | run
    fault = next(fault for fault in caught.value.faults if fault.field == where)
    assert text in str(fault)


def test_topics_and_an_actor_on_one_route_raise():
    route = ET.WebSocket(clients_push_into_=[ET.Topic("t")], actor=FX.StartActor(initial_state=0, handler=print))
    with pytest.raises(InvalidEffect, match="both topics and an actor"):
        FX.StartHTTPServer(routes={"/ws": route}, port=0) | run


def test_an_error_lists_every_mistake_of_every_route():
    routes = {
        "no-slash": "x",
        "/q?x": "x",
        5: "x",
        ("FETCH", "/"): "x",
        "/{bad": "fine, it is no variable",
        "/{n:nokind}": "x",
        "/effect": FX.Log(content="x"),
        "/guest": ET.Guest(),
        "/html": ET.HTML(),
        "/complex": 1j,
        ("POST", "/ws"): ET.WebSocket(clients_push_into_=[ET.Topic("t")]),
        "/twice": "x",
        "/twice/": "y",
    }
    with pytest.raises(InvalidEffect) as caught:
        FX.StartHTTPServer(routes=routes, port=0) | run
    told = {fault.field for fault in caught.value.faults}
    fine = {"routes['/{bad']", "routes['/twice']"}
    assert told == {f"routes[{key!r}]" for key in routes} - fine - {"routes['/html']"} | {"routes['/html'].content"}
