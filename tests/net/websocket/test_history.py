"""History: a client that connects first receives the last messages of the topics, then everything that follows."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from tests.net.conftest import inside, on_loop, said
from tests.net.wire import frame, handshake
from zefnb import ET, FX, generate_uid, run
from zefnb.core import wire
from zefnb.engine.runtime import default_runtime
from zefnb.errors import InvalidEffect, InvalidValue
from zefnb.net.websocket import history
from zefnb.net.websocket.fanout import Fanouts
from zefnb.topics.hub import Hub

CLIENTS, BURST, KEPT = 60, 10_000, 50
# A frame of six digits of text.
FRAME = 8


def publish(topic: Any, *contents: Any) -> None:
    """Publish these messages, and wait until they are in the history."""
    for content in contents:
        FX.Publish(target=topic, content=content) | run
    FX.StreamGraphSnapshot() | run  # other threads' effects are done in their order
    delivered = threading.Event()
    on_loop(lambda: default_runtime().service(Hub).after_delivery(delivered.set))
    assert delivered.wait(20)


def feed(topic: Any, length: int, **options: Any) -> dict[str, Any]:
    return {"/ws": ET.WebSocket(clients_subscribe_to=[topic], history=length, **options)}


def received(client: Any, count: int) -> list[Any]:
    return [client.recv(timeout=20) for _ in range(count)]


def the_fanout(topic: Any) -> Any:
    return on_loop(lambda: default_runtime().service(Fanouts)._fanouts.get((topic._uid, "null")))


def kept(topic: Any) -> list[bytes]:
    """The kept frames, read on the loop."""
    return on_loop(lambda: list(default_runtime().service(Fanouts)._fanouts[topic._uid, "null"].history.frames))


async def frames_until(port: int, last: bytes) -> bytes:
    """Connect, and return the bytes of all frames up to one that ends with `last`."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    try:
        writer.write(handshake())
        await reader.readuntil(b"\r\n\r\n")
        return await asyncio.wait_for(reader.readuntil(last), 60)
    finally:
        writer.close()


def test_clients_that_connect_during_a_burst_receive_the_last_messages_and_then_every_one(serve: Any, topic: Any):
    server = serve(feed(topic, KEPT))
    numbers = [f"{number:06}" for number in range(BURST)]
    stream = b"".join(b"\x81\x06" + number.encode() for number in numbers)
    publish(topic, *numbers[:KEPT])
    joined = threading.Semaphore(0)

    def burst() -> None:
        for start in range(KEPT, BURST, 500):
            joined.acquire(timeout=20)  # so that clients connect in every part of the burst
            for number in numbers[start : start + 500]:
                FX.Publish(target=topic, content=number) | run

    async def join() -> list[bytes]:
        waiting = []
        for number in range(CLIENTS):
            waiting.append(asyncio.create_task(frames_until(server.port, numbers[-1].encode())))
            if number % 3 == 0:
                joined.release()
            await asyncio.sleep(0)
        return await asyncio.gather(*waiting)

    publisher = threading.Thread(target=burst)
    publisher.start()
    try:
        everything = asyncio.run(join())
    finally:
        for _ in range(BURST):
            joined.release()
        publisher.join()
    FX.StreamGraphSnapshot() | run
    for data in everything:
        assert len(data) >= KEPT * FRAME
        assert stream.endswith(data)  # without gaps or duplicates, in order
    assert asyncio.run(frames_until(server.port, numbers[-1].encode())) == stream[-KEPT * FRAME :]


def test_a_late_client_receives_each_kind_of_message_and_what_clients_sent(serve: Any, topic: Any, connect: Any):
    server = serve(feed(topic, 4, clients_push_into_=[topic]))
    publish(topic, "too old", b"bytes", {"a": 1})
    first = connect(server)
    assert received(first, 3) == ["too old", b"bytes", '{"a": 1}']
    first.send("from a client")
    assert first.recv(timeout=20) == "from a client"
    publish(topic, "newest")
    late = connect(server)
    assert received(late, 4) == [b"bytes", '{"a": 1}', "from a client", "newest"]
    publish(topic, "live")
    assert [first.recv(timeout=20), first.recv(timeout=20), late.recv(timeout=20)] == ["newest", "live", "live"]


def test_each_route_sends_as_many_messages_as_it_says(serve: Any, topic: Any, connect: Any):
    sockets = {f"/{n}": ET.WebSocket(clients_subscribe_to=[topic], history=n) for n in (0, 1, 3)}
    server = serve(sockets)
    publish(topic, *"abcde")
    clients = [connect(server, path) for path in sockets]
    publish(topic, "live")
    assert [received(client, n + 1) for client, n in zip(clients, (0, 1, 3), strict=True)] == [
        ["live"],
        ["e", "live"],
        ["c", "d", "e", "live"],
    ]


def test_the_messages_of_several_topics_come_in_the_order_of_each_topic(serve: Any, connect: Any):
    one, two = ET.Topic(generate_uid()), ET.Topic(generate_uid())
    server = serve({"/ws": ET.WebSocket(clients_subscribe_to=[one, two], history=2)})
    for number in range(4):
        publish(one, f"one {number}")
        publish(two, f"two {number}")
    assert received(connect(server), 4) == ["one 2", "one 3", "two 2", "two 3"]


def test_a_client_with_compression_receives_the_history_before_later_messages(serve: Any, topic: Any, connect: Any):
    server = serve(feed(topic, 2, compression=True))
    publish(topic, "one", "two", "three")
    packed = connect(server, compression="deflate")
    publish(topic, "four")
    assert packed.protocol.extensions
    assert received(packed, 3) == ["two", "three", "four"]


def test_compressed_clients_miss_and_repeat_nothing_of_messages_that_wait_in_the_hub(serve: Any, topic: Any):
    server = serve(feed(topic, 10, compression=True))
    got: list[Any] = []

    class Compressed:
        """A client that joins as one with compression does, while earlier messages wait."""

        is_compressed, is_open, channel_id = True, True, 7
        on_message = None

        def deliver(self, content: Any) -> None:
            got.append(content)

        def send_raw(self, data: bytes, count: int) -> None:
            got.extend(data.decode("latin-1")[2::3])  # frames of one letter each

    def join() -> None:
        endpoint, hub = inside(server).endpoints["/ws"], default_runtime().service(Hub)
        client: Any = Compressed()

        class Joins:
            def deliver(self, content: Any) -> None:
                if content == "a":
                    hub.publish(topic, "b")
                    endpoint._open_topics(client)
                    hub.publish(topic, "c")

        joins = Joins()
        hub.subscribe(topic, joins, "test")
        try:
            hub.publish(topic, "a")
        finally:
            hub.unsubscribe(topic, joins)
            hub.unsubscribe(topic, client)

    on_loop(join)
    assert got == ["a", "b", "c"]


def test_a_message_is_encoded_once_for_all_clients_now_and_later(
    serve: Any, topic: Any, connect: Any, monkeypatch: pytest.MonkeyPatch
):
    encoded: list[Any] = []
    encode = wire._encode
    monkeypatch.setattr(wire, "_encode", lambda content: (encoded.append(content), encode(content))[1])
    server = serve(feed(topic, 5) | {"/two": ET.WebSocket(clients_subscribe_to=[topic], history=2)})
    early = connect(server)
    publish(topic, [1], [2])
    for client in (early, connect(server), connect(server, "/two")):
        assert received(client, 2) == ["[1]", "[2]"]
    assert encoded == [[1], [2]]
    assert len(kept(topic)) == 2  # one history for both routes


def test_a_history_has_4_mib_at_most_and_always_the_newest_message(serve: Any, topic: Any, connect: Any):
    server = serve(feed(topic, 100))
    publish(topic, *(bytes([letter]) * (1 << 20) for letter in b"abcdef"))
    client = connect(server, max_size=None)
    assert [message[:1] for message in received(client, 3)] == [b"d", b"e", b"f"]
    assert 3 << 20 < sum(map(len, kept(topic))) <= history.MAX_BYTES
    publish(topic, b"x" * (5 << 20))
    assert client.recv(timeout=20) == connect(server, max_size=None).recv(timeout=20) == b"x" * (5 << 20)
    assert len(kept(topic)) == 1


def test_a_history_has_as_many_messages_as_the_longest_route_says(serve: Any, topic: Any, until: Any):
    serve(feed(topic, 3) | {"/long": ET.WebSocket(clients_subscribe_to=[topic], history=7)})
    publish(topic, *map(str, range(1_000)))
    until(lambda: kept(topic)[-1:] == [b"\x81\x03999"])
    assert len(kept(topic)) == 7


def test_messages_of_each_length_are_kept_in_order_however_they_arrive():
    """One by one or together, more than are kept or fewer, short or long."""
    kept_now, sent = history.History(), []
    kept_now.acquire(100)
    for number, (together, size) in enumerate([(1, 4), (70, 4), (3, 5_000), (1, 4), (250, 9), (1, 70_000)] * 40):
        frames = [b"%08d" % (number * 1_000 + each) + b"." * size for each in range(together)]
        sent += frames
        kept_now.add(list(frames), together * size)
        if number % 7 == 0:
            assert b"".join(data for data, _ in kept_now.last(40)) == b"".join(sent[-40:])
    assert list(kept_now.frames) == sent[-100:]
    kept_now.acquire(3)
    kept_now.release(100)
    assert list(kept_now.frames) == sent[-3:]


def test_a_topic_without_a_history_keeps_nothing(serve: Any, topic: Any, connect: Any):
    server = serve(feed(topic, 0))
    publish(topic, "lost")
    client = connect(server)
    publish(topic, "live")
    assert client.recv(timeout=20) == "live"
    assert the_fanout(topic).history is None


def test_the_history_ends_with_the_server(serve: Any, topic: Any):
    server = serve(feed(topic, 3))
    publish(topic, "a")
    FX.StopHTTPServer(server=server) | run
    assert the_fanout(topic) is None
    assert on_loop(lambda: default_runtime().service(Hub).subscribers(topic)) == ()


def test_a_server_that_replaces_another_has_its_history(serve: Any, topic: Any, connect: Any):
    server = serve(feed(topic, 3), allow_restart=True)
    publish(topic, "a", "b")
    server = serve(feed(topic, 2), port=server.port, allow_restart=True)
    assert received(connect(server), 2) == ["a", "b"]
    FX.StopHTTPServer(server=server) | run
    assert the_fanout(topic) is None


def test_a_changed_route_has_the_history_of_the_previous_one(serve: Any, topic: Any, connect: Any):
    server = serve(feed(topic, 2))
    publish(topic, "a", "b")
    change = ET.InsertIn(path=["routes", "/ws"], value=feed(topic, 5)["/ws"])
    FX.UpdateRunningHTTPServer(server=server, delta=[change]) | run
    publish(topic, "c")
    assert received(connect(server), 3) == ["a", "b", "c"]
    FX.UpdateRunningHTTPServer(server=server, delta=[ET.RemoveIn(path=["routes", "/ws"])]) | run
    assert the_fanout(topic).history is None  # its client is still connected


def test_a_deleted_topic_has_no_history(serve: Any, topic: Any, connect: Any):
    server = serve(feed(topic, 3))
    publish(topic, "a")
    FX.DeleteTopic(topic=topic) | run
    client = connect(server)
    publish(topic, "b")
    assert client.recv(timeout=20) == "b"
    assert connect(server).recv(timeout=20) == "b"


def test_content_that_no_frame_can_carry_is_not_in_the_history(serve: Any, topic: Any, connect: Any, until: Any):
    server = serve(feed(topic, 3))
    on_loop(lambda: default_runtime().service(Hub).publish(topic, "\ud800"))
    until(said("surrogate"))
    with pytest.raises(InvalidValue, match="surrogate"):
        publish(topic, {"a": "\ud800"})
    publish(topic, "fine")
    assert connect(server).recv(timeout=20) == "fine"


def test_a_client_that_only_sends_is_not_affected(serve: Any, topic: Any, raw: Any):
    sockets = {"/in": ET.WebSocket(clients_push_into_=[topic]), **feed(topic, 1)}
    server = serve(sockets)
    talker, listener = raw(server, "/in"), raw(server)
    talker.send(frame("hello"))
    assert listener.read().payload == b"hello"
    assert talker.silent()


@pytest.mark.parametrize("length", [-1, True, "5", 10_001, None, 1.5])
def test_a_wrong_length_of_a_history_is_named(serve: Any, topic: Any, length: Any):
    with pytest.raises(InvalidEffect, match=r"history: got .*0 to 10,000 messages"):
        serve(feed(topic, length))


def test_a_history_without_topics_is_an_error(serve: Any, topic: Any):
    with pytest.raises(InvalidEffect, match=r"history: no topics to take it from"):
        serve({"/ws": ET.WebSocket(clients_push_into_=[topic], history=5)})
