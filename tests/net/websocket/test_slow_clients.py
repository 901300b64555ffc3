"""Slow clients: one that never reads delays no other and can read the reason; one that reads slowly is kept."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from tests.net.conftest import inside, journal, on_loop, peak_memory, said
from tests.net.wire import CLOSE, PING, PONG, Wire, closing, frame
from zefnb import ET, FX, generate_uid, run, zef_function
from zefnb.net.websocket import connection as connection_module
from zefnb.net.websocket import slow_client
from zefnb.net.websocket import write_side as sending
from zefnb.net.websocket.slow_clients import SlowClients

Raw = Callable[..., Wire]
SMALL = 4096
BIG = "x" * 16_384


@pytest.fixture(autouse=True)
def small_kernel_buffers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel would accept some 4 MiB of what a client does not read."""
    made = sending.WriteSide.connection_made

    def connection_made(self: Any, transport: Any) -> None:
        made(self, transport)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8_192)

    monkeypatch.setattr(sending.WriteSide, "connection_made", connection_made)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patience and queues made small."""
    monkeypatch.setattr(slow_client, "STALL_TIMEOUT", 0.5)
    monkeypatch.setattr(slow_client, "STALLED_LIMIT", 1 << 18)


@pytest.fixture
def feed(serve: Any, topic: Any) -> Callable[..., Any]:
    return lambda **options: serve({"/ws": ET.WebSocket(clients_subscribe_to=[topic], **options)})


@pytest.fixture
def mirror(serve: Any) -> Any:
    @zef_function(inline=True)
    def echo(message: Any, state: Any) -> Any:
        if isinstance(message, str | bytes):
            return [[FX.Publish(target=state, content=message)], state]
        return [[], getattr(message, "topic_out", state)]

    return serve({"/ws": ET.WebSocket(actor=FX.StartActor(initial_state=None, handler=echo))})


class Reader(threading.Thread):
    """Reads frames as fast as they arrive, or with a pause after each."""

    def __init__(self, wire: Wire, count: int, pause: float = 0) -> None:
        super().__init__(daemon=True)
        self.wire, self.count, self.pause = wire, count, pause
        self.came: list[bytes] = []
        self.start()

    def run(self) -> None:
        while len(self.came) < self.count:
            each = self.wire.read()
            if each.opcode == CLOSE:
                self.came.append(b"closed %d" % (each.code or 0))
                return
            self.came.append(each.payload[:8])
            if self.pause:
                time.sleep(self.pause)

    def all(self, within: float = 30) -> list[bytes]:
        self.join(within)
        assert not self.is_alive(), f"{len(self.came)} of {self.count} came"
        return self.came


def numbered(count: int) -> list[bytes]:
    return [b"%08d" % number for number in range(count)]


def publish(topic: Any, count: int, size: int = 16_384, start: int = 0) -> None:
    for number in range(start, start + count):
        FX.Publish(target=topic, content=f"{number:08d}".ljust(size, "x")) | run
    # Behind it in the queue: when this is answered, all of them have been handed on, and when it is answered again,
    # the turn in which that was has ended.
    FX.QueryAllActiveHTTPServers() | run
    FX.QueryAllActiveHTTPServers() | run


# Who never reads


def test_a_client_that_never_reads_is_closed_and_can_read_the_reason(
    feed: Any, topic: Any, raw: Raw, clients: Any, until: Any, monkeypatch: pytest.MonkeyPatch
):
    server = feed()
    stuck, healthy = raw(server, receive_buffer=SMALL), Reader(raw(server), 200)
    clients(server, 2)
    with monkeypatch.context() as patch:
        # A busy machine may take longer than 5 s to publish.
        patch.setattr(slow_client, "STALL_TIMEOUT", 60.0)
        started = time.monotonic()
        publish(topic, 200)
        # It holds publishers for a moment, until it is seen that it does not read.
        assert not said("closed with 1013", "warning")(), "a client that does not read must not pause publishers"
    assert healthy.all() == numbered(200)
    entry = until(said("closed with 1013", "warning"))
    assert time.monotonic() - started > 4.5
    assert (entry["channel_id"], entry["server"]) == (0, server)
    assert "not reading for 5 s" in entry["message"]
    assert [row["channel_id"] for row in clients(server)] == [1]
    came, end = stuck.read_until_close()
    assert (end.code, end.reason) == (1013, "not reading for 5 s")
    assert [each.payload[:8] for each in came] == numbered(len(came)), "whole frames, from the first on"
    assert 0 < len(came) < 200
    stuck.send(closing(1013))
    assert stuck.read_end() == b""
    until(lambda: len(inside(server)._connections) == 1)


def test_a_client_that_does_not_read_is_kept_while_few_bytes_wait_for_it(
    quick: None, feed: Any, topic: Any, raw: Raw, clients: Any
):
    server = feed()
    wire = raw(server, receive_buffer=SMALL)
    publish(topic, 12)
    time.sleep(1.2)  # more than the patience: nobody must act on it
    assert [row["channel_id"] for row in clients(server)] == [0]
    assert [wire.read().payload[:8] for _ in range(12)] == numbered(12)


def test_a_burst_over_the_limit_closes_the_client(
    feed: Any, topic: Any, raw: Raw, until: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(slow_client, "QUEUE_LIMIT", 1 << 20)
    monkeypatch.setattr(slow_client, "UNREAD_LIMIT", 1 << 20)
    wire = raw(feed(), receive_buffer=SMALL)
    on_loop(lambda: publish(topic, 200))
    assert "more than 1 MiB behind" in until(said("closed with 1013", "warning"))["message"]
    came, end = wire.read_until_close()
    assert (end.code, end.reason) == (1013, "more than 1 MiB behind")
    assert [each.payload[:8] for each in came] == numbered(len(came))


def test_a_client_that_does_not_read_is_closed_with_1013(
    feed: Any, topic: Any, raw: Raw, until: Any, monkeypatch: pytest.MonkeyPatch
):
    # A busy machine may take longer than 5 s to publish 4 MiB.
    monkeypatch.setattr(slow_client, "STALL_TIMEOUT", 60.0)
    server = feed()
    stuck, healthy = raw(server, receive_buffer=SMALL), Reader(raw(server), 1_000)
    with peak_memory() as peak:
        for start in range(0, 1_000, 50):  # what the loop has not yet taken in must not count
            publish(topic, 50, start=start)
        assert "not reading and more than 4 MiB behind" in until(said("closed with 1013", "warning"))["message"]
        assert peak() < 12 << 20
    assert healthy.all() == numbered(1_000)
    came, end = stuck.read_until_close()
    assert (end.code, end.reason) == (1013, "not reading and more than 4 MiB behind")
    assert [each.payload[:8] for each in came] == numbered(len(came))


def test_a_closed_client_receives_no_message_of_that_iteration(feed: Any, topic: Any, raw: Raw):
    """The message would follow a gap, since waiting frames have been dropped."""
    server = feed()
    stuck = raw(server, receive_buffer=SMALL)
    publish(topic, 40)
    [connection] = inside(server)._connections

    def turn() -> None:
        publish(topic, 2, start=40)
        connection.close_slow("as a tick of the watch says in the middle of a turn")

    on_loop(turn)
    came, end = stuck.read_until_close()
    assert end.code == 1013
    assert [each.payload[:8] for each in came] == numbered(len(came))
    assert (connection.sent, connection.sent - connection.dropped) == (42, len(came))


def test_an_actor_is_notified_that_its_client_was_too_slow(quick: None, serve: Any, raw: Raw, until: Any):
    codes: list[Any] = []

    @zef_function(inline=True)
    def floods(message: Any, state: Any) -> Any:
        if isinstance(message, ET.WSClientConnected):
            return [[FX.Publish(target=message.topic_out, content=BIG) for _ in range(60)], state]
        if isinstance(message, ET.WSClientDisconnected):
            codes.append(message.close_code)
        return [[], state]

    server = serve({"/ws": ET.WebSocket(actor=FX.StartActor(initial_state=None, handler=floods))})
    wire = raw(server, receive_buffer=SMALL)
    until(lambda: codes == [1013])
    until(lambda: (FX.ListActors() | run) == [])
    assert wire.read_until_close()[1].code == 1013


def test_a_stop_does_not_wait_for_a_client_that_was_too_slow(quick: None, feed: Any, topic: Any, raw: Raw, until: Any):
    server = feed()
    raw(server, receive_buffer=SMALL)
    publish(topic, 60)
    until(said("closed with 1013", "warning"))
    running = inside(server)
    assert len(running._connections) == 1
    FX.StopHTTPServer(server=server) | run
    assert not running._connections


def test_a_client_that_pings_and_does_not_read_is_no_longer_read_and_receives_one_pong(
    mirror: Any, raw: Raw, until: Any
):
    wire = raw(mirror, receive_buffer=1 << 17)
    (connection,) = on_loop(inside(mirror).clients)
    # Buffers of some KB would take minutes to read.
    connection.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 17)
    sent = 0

    def flood() -> None:
        nonlocal sent
        with suppress(OSError):
            while sent < 400_000:
                wire.send(b"".join(frame(b"%0125d" % number, PING) for number in range(sent, sent + 500)))
                sent += 500

    wire.socket.settimeout(2)
    with peak_memory() as peak:
        flood()
        until(lambda: on_loop(lambda: connection.is_reading_paused))
        assert peak() < 2 << 20
    assert sent < 400_000, "nobody may take pings without end"
    # Whoever reads at last gets on: some are answered, the newest of those that came meanwhile among them.
    wire.socket.settimeout(30)
    numbers = [int(wire.read().payload)]
    while numbers[-1] < len(numbers):
        numbers.append(int(wire.read().payload))
    assert numbers == sorted(set(numbers))


# What a route allows


def test_a_client_that_is_busy_while_pictures_are_published_is_kept(
    feed: Any, topic: Any, raw: Raw, clients: Any, monkeypatch: pytest.MonkeyPatch
):
    """Sixteen messages of 1 MiB, far more than may wait for a client of short messages."""
    # The other's small buffers make publishing them take seconds.
    monkeypatch.setattr(slow_client, "STALL_TIMEOUT", 60.0)
    server = feed()
    busy, healthy = raw(server), Reader(raw(server), 16)
    clients(server, 2)
    publish(topic, 16, size=1 << 20)
    assert healthy.all() == numbered(16)
    time.sleep(2)  # so long it is busy
    assert len(clients(server)) == 2
    assert [busy.read().payload[:8] for _ in range(16)] == numbered(16)
    assert journal("warning") == []


@pytest.mark.parametrize("form", [ET.SlowClient, dict])
def test_a_route_sets_how_many_bytes_may_wait(feed: Any, topic: Any, raw: Raw, until: Any, form: Any):
    wire = raw(feed(slow_client=form(policy="close", max_bytes=1 << 20)), receive_buffer=SMALL)
    publish(topic, 200)
    assert "more than 1 MiB behind" in until(said("closed with 1013", "warning"))["message"]
    assert wire.read_until_close()[1].code == 1013


def test_a_route_sets_how_long_a_client_may_read_nothing(feed: Any, topic: Any, raw: Raw, until: Any, clients: Any):
    # Long enough for a reader on a busy machine.
    server = feed(slow_client=ET.SlowClient(max_bytes=64 << 20, max_seconds=2))
    stuck, idle = raw(server, receive_buffer=SMALL), raw(server)
    reading = Reader(idle, 40)
    clients(server, 2)
    publish(topic, 40)
    assert "not reading for 2 s" in until(said("closed with 1013", "warning"))["message"]
    assert stuck.read_until_close()[1].reason == "not reading for 2 s"
    assert reading.all() == numbered(40)
    time.sleep(2.5)  # a client that has read everything may be silent for any time
    assert [row["channel_id"] for row in clients(server)] == [1]


def test_a_route_that_allows_more_keeps_more(feed: Any, topic: Any, raw: Raw, clients: Any):
    server = feed(slow_client=ET.SlowClient(max_bytes=64 << 20, max_seconds=60))
    wire = raw(server, receive_buffer=1 << 18)
    publish(topic, 1_200)  # 19 MB of short messages
    assert len(clients(server)) == 1
    assert [wire.read().payload[:8] for _ in range(1_200)] == numbered(1_200)


def test_a_dropping_policy_keeps_what_the_route_allows(feed: Any, topic: Any, raw: Raw, clients: Any):
    server = feed(slow_client=ET.SlowClient(policy="drop_oldest", max_bytes=100_000))
    wire = raw(server, receive_buffer=SMALL)
    on_loop(lambda: publish(topic, 200))
    (row,) = clients(server)
    (connection,) = on_loop(inside(server).clients)
    assert connection.backlog.bytes <= 100_000
    assert row["dropped"] > 150
    came = [wire.read().payload[:8] for _ in range(200 - row["dropped"])]
    assert came[-1] == b"%08d" % 199


@pytest.mark.parametrize(
    ("longest", "stalled", "unread", "queue"),
    [
        (0, 1 << 20, 4 << 20, 16 << 20),
        (131_072, 1 << 20, 4 << 20, 16 << 20),
        (262_144, 1 << 20, 8 << 20, 16 << 20),
        (262_145, 1_048_580, 8_388_640, 16 << 20),
        (1 << 20, 4 << 20, 32 << 20, 32 << 20),
        (4 << 20, 16 << 20, 64 << 20, 64 << 20),
        (32 << 20, 128 << 20, 128 << 20, 128 << 20),
    ],
)
def test_at_least_four_of_the_longest_message_may_wait(longest: int, stalled: int, unread: int, queue: int):
    allowed = slow_client.SlowClient()
    limits = allowed.stalled_limit(longest), allowed.unread_limit(longest), allowed.queue_limit(longest)
    assert limits == (stalled, unread, queue)
    assert min(limits) >= 4 * longest


# Who reads slowly


def test_a_client_that_reads_slowly_is_kept_and_publishers_wait_for_it(feed: Any, topic: Any, raw: Raw, clients: Any):
    server = feed()
    slow, healthy = Reader(raw(server, receive_buffer=SMALL), 300, pause=0.004), Reader(raw(server), 300)
    clients(server, 2)
    for start in range(0, 300, 20):
        publish(topic, 20, start=start)
    assert len(slow.came) > 100, "the publisher was not paused"
    assert slow.all() == healthy.all() == numbered(300)
    assert journal("warning") == []
    assert len(clients(server)) == 2


def test_publishers_in_several_threads_wait_and_nothing_is_lost(feed: Any, topic: Any, raw: Raw, clients: Any):
    server = feed()
    slow = Reader(raw(server, receive_buffer=SMALL), 400, pause=0.002)
    clients(server, 1)
    threads = [threading.Thread(target=publish, args=(topic, 100), kwargs={"start": 100 * n}) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    came = slow.all()
    assert sorted(came) == numbered(400)
    for n in range(4):
        assert [each for each in came if 100 * n <= int(each) < 100 * n + 100] == numbered(400)[100 * n : 100 * n + 100]


def test_publishers_wait_as_soon_as_much_waits_for_a_reader(feed: Any, topic: Any, raw: Raw, clients: Any, until: Any):
    server = feed()
    wire = raw(server, receive_buffer=SMALL)
    clients(server, 1)
    lagging = inside(server)._connections._outbox.slow_clients

    def within_one_turn() -> list[bool]:
        before = lagging.is_pausing
        publish(topic, 60)
        return [before, lagging.is_pausing]

    assert on_loop(within_one_turn) == [False, True]
    assert [wire.read().payload[:8] for _ in range(60)] == numbered(60)
    until(lambda: not lagging.is_pausing)
    publish(topic, 1, start=60)
    assert not lagging.is_pausing, "a client that has caught up must not pause publishers"
    assert wire.read().payload[:8] == b"%08d" % 60


def test_clients_that_push_also_wait_for_slow_readers(serve: Any, topic: Any, raw: Raw, clients: Any):
    server = serve({"/in": ET.WebSocket(clients_push_into_=[topic]), "/ws": ET.WebSocket(clients_subscribe_to=[topic])})
    slow, talker = Reader(raw(server, receive_buffer=SMALL), 600, pause=0.002), raw(server, "/in")
    talker.socket.settimeout(60)
    with peak_memory() as peak:
        for number in range(600):
            talker.send(frame(f"{number:08d}".ljust(16_384, "x")))
        assert slow.all(60) == numbered(600)
        assert peak() < 8 << 20
    assert journal("warning") == []


def test_a_client_that_catches_up_receives_the_rest_in_order(feed: Any, topic: Any, raw: Raw, until: Any, clients: Any):
    server = feed()
    wire = raw(server, receive_buffer=SMALL)
    publish(topic, 40)
    until(lambda: clients(server)[0]["queued"] > 100_000)
    assert [wire.read().payload[:8] for _ in range(40)] == numbered(40)
    until(lambda: clients(server)[0]["queued"] == 0)
    publish(topic, 5, start=40)
    assert [wire.read().payload[:8] for _ in range(5)] == numbered(45)[40:]


# Closing behind what waits


def test_a_close_frame_is_sent_after_all_waiting_frames_and_then_the_stream_ends(
    feed: Any, topic: Any, raw: Raw, clients: Any
):
    server = feed()
    wire = raw(server, receive_buffer=SMALL)
    publish(topic, 40)
    FX.CloseWebSocketConnection(http_server=server, channel_id=0, code=4000, reason="that was all") | run
    publish(topic, 3, start=40)
    time.sleep(1.3)  # who has much to read is not cut after a second
    came, end = wire.read_until_close()
    assert [each.payload[:8] for each in came] == numbered(40)
    assert (end.code, end.reason) == (4000, "that was all")
    wire.send(closing(4000))
    assert wire.read_end() == b""
    assert clients(server) == []


def test_a_clients_own_close_gets_its_reply_after_all_waiting_frames(feed: Any, topic: Any, raw: Raw, until: Any):
    server = feed()
    wire = raw(server, receive_buffer=SMALL)
    publish(topic, 40)
    wire.send(closing(4000))
    until(lambda: (FX.QueryAllConnectedWebsocketClients(http_server=server) | run) == [])
    came, end = wire.read_until_close()
    assert [each.payload[:8] for each in came] == numbered(40)
    assert end.code == 4000
    assert wire.read_end() == b""


def test_a_pong_is_sent_after_all_waiting_frames(feed: Any, topic: Any, raw: Raw, until: Any):
    server = feed()
    wire = raw(server, receive_buffer=SMALL)
    publish(topic, 40)
    wire.send(frame(b"?", PING))
    came = [wire.read() for _ in range(41)]
    assert [each.payload[:8] for each in came] == [*numbered(40), b"?"]
    assert came[-1].opcode == PONG


def test_a_slow_client_that_vanishes_leaves_nothing_behind(feed: Any, topic: Any, raw: Raw, clients: Any, until: Any):
    server = feed()
    wires = [raw(server, receive_buffer=SMALL) for _ in range(5)]
    publish(topic, 40)
    for wire in wires:
        wire.reset()
    clients(server, 0)
    until(lambda: not inside(server)._connections._outbox.slow_clients._watched)
    assert journal("warning") == []


# Policies


@pytest.mark.parametrize("policy", ["drop_oldest", "drop_newest"])
def test_a_policy_drops_whole_messages_counts_them_and_keeps_the_client(
    quick: None, serve: Any, topic: Any, raw: Raw, clients: Any, policy: str, monkeypatch: pytest.MonkeyPatch
):
    routes = {
        "/ws": ET.WebSocket(clients_subscribe_to=[topic], slow_client=policy),
        "/all": ET.WebSocket(clients_subscribe_to=[topic]),
    }
    server = serve(routes)
    wire, healthy = raw(server, receive_buffer=SMALL), Reader(raw(server, "/all"), 200)
    clients(server, 2)
    held_for: list[Any] = []
    monkeypatch.setattr(SlowClients, "pause_for_backlog", lambda self, backlog: held_for.append(backlog))
    [connection, _] = on_loop(inside(server).clients)
    publish(topic, 200)
    assert healthy.all() == numbered(200)
    time.sleep(0.8)  # more than the patience
    assert connection.backlog is not None
    assert connection.backlog not in held_for, "a client that has messages dropped must not pause publishers"
    row = clients(server)[0]
    assert row["dropped"] > 50
    came = [wire.read().payload[:8] for _ in range(200 - row["dropped"])]
    assert came == sorted(set(came))
    assert came[0] == b"%08d" % 0
    if policy == "drop_oldest":
        assert came[-1] == b"%08d" % 199
    else:
        # What little the kernel takes later makes room for newer ones, behind a gap.
        assert came[:12] == numbered(12)
    publish(topic, 1, start=200)
    assert wire.read().payload[:8] == b"%08d" % 200
    assert [each["dropped"] for each in clients(server)] == [row["dropped"], 0]
    assert journal("warning") == []


# A busy actor


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def busy(serve: Any, gate: threading.Event) -> Any:
    """A server whose actors are busy until the gate opens, and then echo."""

    @zef_function
    def waits(message: Any, state: Any) -> Any:
        gate.wait(20)
        if not isinstance(message, str | bytes):
            return [[], getattr(message, "topic_out", state)]
        return [[FX.Publish(target=state, content=message[:8])], state]

    topic = ET.Topic(generate_uid())
    return serve(
        {
            "/ws": ET.WebSocket(actor=FX.StartActor(initial_state=None, handler=waits)),
            "/chat": ET.WebSocket(clients_subscribe_to=[topic], clients_push_into_=[topic]),
        }
    )


def test_a_flood_into_a_busy_actor_is_not_read(busy: Any, gate: threading.Event, raw: Raw, until: Any):
    wire, other = raw(busy), raw(busy, "/chat")
    accepted = 0
    wire.socket.settimeout(1)
    big = frame("m" * 65_536)
    with peak_memory() as peak:
        with suppress(TimeoutError):
            while accepted < 64 << 20:
                wire.socket.sendall(big)
                accepted += len(big)
        assert accepted < 16 << 20, "the socket is read although the actor is busy"
        assert peak() < 6 << 20
    received = (FX.QueryAllConnectedWebsocketClients(http_server=busy, path="/ws") | run)[0]["received"]
    assert received * 65_536 < 4 << 20
    other.send(frame("others are served"))
    assert other.read().payload == b"others are served"
    newcomer = raw(busy, "/chat")
    newcomer.send(frame("newcomers too"))
    assert newcomer.read().payload == b"newcomers too"
    gate.set()
    for _ in range(received + 10):
        assert wire.read().payload == b"m" * 8


def test_an_actor_handles_every_message_of_a_burst_later(busy: Any, gate: threading.Event, raw: Raw):
    wire = raw(busy)
    sender = threading.Thread(target=lambda: wire.send(*(frame(f"{number:08d}") for number in range(5_000))))
    sender.start()
    gate.set()
    assert [wire.read().payload for _ in range(5_000)] == numbered(5_000)
    sender.join(20)


def test_a_client_that_is_not_read_can_be_closed_and_receives_the_reason(
    busy: Any, raw: Raw, until: Any, gate: threading.Event, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(connection_module, "CLOSE_TIMEOUT", 20.0)
    wire = raw(busy)
    wire.send(*(frame("x") for _ in range(1_000)))
    (client,) = on_loop(inside(busy).clients)
    until(lambda: client._reading_paused)
    wire.send(*(frame("unread") for _ in range(1_000)))
    FX.CloseWebSocketConnection(http_server=busy, channel_id=0, code=4000, reason="busy") | run
    end = wire.read_close()
    assert (end.code, end.reason) == (4000, "busy")
    wire.send(closing(4000))
    assert wire.read_end() == b""
    gate.set()
    until(lambda: (FX.ListActors() | run) == [])


def test_a_client_that_disconnects_while_it_is_not_read_is_noticed_later(
    busy: Any, raw: Raw, until: Any, clients: Any, gate: threading.Event
):
    wire = raw(busy)
    wire.send(*(frame("x") for _ in range(1_000)))
    (client,) = on_loop(inside(busy).clients)
    until(lambda: client._reading_paused)
    wire.reset()
    gate.set()
    clients(busy, 0)
    until(lambda: (FX.ListActors() | run) == [])
    until(lambda: not inside(busy)._connections)


def test_a_stop_reaches_clients_that_are_not_read(busy: Any, raw: Raw, until: Any, gate: threading.Event):
    wire = raw(busy)
    wire.send(*(frame("x") for _ in range(1_000)))
    (client,) = on_loop(inside(busy).clients)
    until(lambda: client._reading_paused)
    FX.StopHTTPServer(server=busy) | run
    assert wire.read_close().code == 1001
    gate.set()
    until(lambda: (FX.ListActors() | run) == [])
