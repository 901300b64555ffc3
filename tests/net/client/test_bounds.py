"""What a server can make an outward client store has bounds."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice, pairwise
from typing import Any

import pytest

from tests.net.client.outsider import Until, journal, publish, state_of, stop_all, talk_to, told
from tests.net.client.raw import RawServer, Script, client_frames, server_frame
from zefnb import ET, FX, generate_uid, identity, run
from zefnb.core.function import zef_function
from zefnb.engine.runtime import default_runtime
from zefnb.net.client import notes as notes_module
from zefnb.net.client import sender as sender_module
from zefnb.net.client.clients import Clients
from zefnb.net.client.connection import MOST_FRAGMENTS, MOST_PINGS_WAITING, OutwardConnection

TEXT, CONT, CLOSE, PING, PONG = 0x1, 0x0, 0x8, 0x9, 0xA


@pytest.fixture
def raw() -> Iterator[Callable[..., RawServer]]:
    made: list[RawServer] = []

    def make(script: Script, **options: Any) -> RawServer:
        made.append(RawServer(script, **options))
        return made[-1]

    yield make
    stop_all()
    for server in made:
        server.end()


def connection_of(client: Any) -> OutwardConnection:
    connection = default_runtime().service(Clients).get(client).connection
    assert connection is not None
    return connection


def test_every_ping_of_a_server_that_reads_gets_a_pong_in_order(raw: Any, until: Until) -> None:
    answers: list[tuple[int, bytes]] = []

    def script(client: socket.socket) -> None:
        client.sendall(b"".join(server_frame(PING, b"%d" % n) for n in range(10)))
        answers.extend(islice(client_frames(client), 10))

    talk_to(raw(script).url)
    until(lambda: len(answers) == 10)
    assert answers == [(PONG, b"%d" % n) for n in range(10)]


def test_only_the_newest_ping_of_a_burst_gets_a_pong(raw: Any, until: Until) -> None:
    answers: list[tuple[int, bytes]] = []

    def script(client: socket.socket) -> None:
        client.sendall(b"".join(server_frame(PING, b"%d" % n) for n in range(50_000)))
        answers.extend(client_frames(client))

    talk_to(raw(script).url)
    until(lambda: answers and answers[-1] == (PONG, b"49999"))
    numbers = [int(payload) for _, payload in answers]
    assert numbers == sorted(set(numbers))


def test_a_server_that_pings_and_does_not_read_is_no_longer_read(raw: Any, until: Until) -> None:
    sent = [0]
    ended = threading.Event()

    def script(client: socket.socket) -> None:
        flood = server_frame(PING, b"x" * 125) * 500
        while not ended.is_set():
            sent[0] += client.send(flood)

    server = raw(script, receive_buffer=4096)
    client, *_ = talk_to(server.url)
    connection = connection_of(client)
    # What the kernel takes on both sides is filled; then nothing moves any more.
    until(lambda: connection._pauses == {"pings"}, within=60)
    assert connection.transport.get_write_buffer_size() < 256 << 10
    assert MOST_PINGS_WAITING < connection.protocol.pings_waiting < MOST_PINGS_WAITING + (32 << 10)
    ended.set()
    FX.StopWebSocketClient(client=client) | run


def test_a_server_that_reads_again_receives_the_pong_to_its_newest_ping(raw: Any, until: Until) -> None:
    stuck, answers = threading.Event(), []

    def script(client: socket.socket) -> None:
        client.settimeout(1.0)
        # Each call sends whole frames or, when nothing moves any more, the beginning of them.
        flood = server_frame(PING, b"x" * 125) * 500
        sent = 0
        with suppress(TimeoutError):
            while True:
                sent += client.send(flood[sent % len(flood) :])
        stuck.set()
        client.settimeout(None)
        threading.Thread(
            target=client.sendall, args=(flood[sent % len(flood) :] + server_frame(PING, b"newest"),)
        ).start()
        answers.extend(client_frames(client))

    client, *_ = talk_to(raw(script, receive_buffer=4096).url)
    until(stuck.is_set, within=60)
    until(lambda: answers and answers[-1] == (PONG, b"newest"), within=60)
    assert not connection_of(client)._pauses


def test_a_server_that_announces_its_close_and_stays_connected_is_cut(raw: Any, until: Until) -> None:
    def script(client: socket.socket) -> None:
        client.sendall(server_frame(CLOSE, (1000).to_bytes(2, "big")))
        while client.recv(1):
            pass

    server = raw(script)
    talk_to(server.url)
    until(lambda: server.accepted >= 2)


def test_a_server_that_echoes_is_read_while_it_does_not_read(outsider: Any, until: Until) -> None:
    server = outsider(echo=True)
    _, _, outbox, came = talk_to(server)
    messages = [f"{n:06d}" + "x" * 4_000 for n in range(2_000)]
    publish(outbox, *messages)
    until(lambda: len(came) == len(messages), within=60)
    assert came == messages


@pytest.mark.parametrize("count", [MOST_FRAGMENTS + 1, 20_000])
def test_a_message_of_too_many_fragments_gets_1009(raw: Any, until: Until, count: int) -> None:
    closes: list[tuple[int, bytes]] = []

    def script(client: socket.socket) -> None:
        client.sendall(server_frame(TEXT, b"a", fin=False) + server_frame(CONT, b"", fin=False) * (count - 1))
        closes.extend(islice(client_frames(client), 1))

    _, _, _, came = talk_to(raw(script).url)
    until(lambda: closes)
    assert closes[0][0] == CLOSE
    assert (int.from_bytes(closes[0][1][:2], "big"), closes[0][1][2:]) == (1009, b"more than 4096 fragments")
    assert not came


def test_a_message_of_the_most_fragments_arrives_complete_and_the_next_one_may_have_as_many(
    raw: Any, until: Until
) -> None:
    middle = server_frame(CONT, b"b", fin=False) * (MOST_FRAGMENTS - 2)

    def script(client: socket.socket) -> None:
        message = server_frame(TEXT, b"a", fin=False) + middle + server_frame(PING) + server_frame(CONT, b"c")
        client.sendall(message * 2)
        client.recv(1)

    _, _, _, came = talk_to(raw(script).url)
    until(lambda: len(came) == 2)
    assert came == ["a" + "b" * (MOST_FRAGMENTS - 2) + "c"] * 2


def test_a_close_frame_between_fragments_is_accepted(raw: Any, until: Until) -> None:
    closes: list[tuple[int, bytes]] = []

    def script(client: socket.socket) -> None:
        client.sendall(server_frame(TEXT, b"a", fin=False) + server_frame(CLOSE, (1000).to_bytes(2, "big")))
        closes.extend(islice(client_frames(client), 1))

    talk_to(raw(script).url)
    until(lambda: closes)
    assert closes == [(CLOSE, (1000).to_bytes(2, "big"))]


def test_a_flood_of_the_shortest_messages_arrives_in_order_and_is_never_piled_up(raw: Any, until: Until) -> None:
    count = 10_000
    flood = b"".join(server_frame(TEXT, b"%d" % n) for n in range(count))
    most = [0]
    _, _, _, came = talk_to(raw(lambda client: client.sendall(flood) or client.recv(1)).url)

    def arrived() -> bool:
        for client in default_runtime().service(Clients):
            if client.connection is not None:
                most[0] = max(most[0], len(client.connection.recv_messages.frames))
        return len(came) == count

    until(arrived, within=60)
    assert came == [str(n) for n in range(count)]
    # One slice of them, of three bytes at least.
    assert most[0] <= (16 << 10) // 3 + 16


@pytest.mark.parametrize("ops", [0, 1, 2], ids=["subscribed to it", "behind an op", "behind two ops"])
def test_a_feed_waits_for_an_actor_that_is_busy(ops: int, raw: Any, until: Until) -> None:
    go_on, handled = threading.Event(), []

    def script(client: socket.socket) -> None:
        for n in range(50):
            client.sendall(server_frame(TEXT, b"%d" % n + b"x" * 1_000) * 100)
        client.recv(1)

    @zef_function
    def busy(message: Any, state: Any) -> Any:
        go_on.wait(30)
        handled.append(message)
        return [[], state]

    topics = [ET.Topic(generate_uid()) for _ in range(ops + 1)]
    mapped = [FX.MapTopic(source=a, target=b, op=identity) | run for a, b in pairwise(topics)]
    actor = FX.StartActor(input=topics[-1], handler=busy, initial_state=None) | run
    client = FX.StartWebSocketClient(url=raw(script).url, in_stream_into=topics[0]) | run
    until(lambda: told(client)["received"] >= 256)
    before = told(client)["received"]
    until(lambda: told(client)["received"] == before)
    assert told(client)["received"] < 2_000
    go_on.set()
    until(lambda: len(handled) == 5_000, within=60)
    FX.StopActor(actor=actor) | run
    for each in mapped:
        FX.Unsubscribe(subscription=each.subscription) | run


@pytest.mark.usefixtures("no_pings")
def test_pings_that_get_no_pong_do_not_pile_up(raw: Any, until: Until) -> None:
    def script(client: socket.socket) -> None:
        while client.recv(1 << 16):
            pass

    client, _, outbox, _ = talk_to(raw(script).url)
    connection = connection_of(client)
    for n in range(3_000):
        publish(outbox, n)
        if n % 10 == 0:
            until(lambda: told(client)["queued"] == 0)
    until(lambda: told(client)["sent"] == 3_000)
    assert len(connection.pending_pings) <= sender_module._MOST_PINGS


@pytest.mark.usefixtures("quick")
def test_close_reasons_that_always_change_do_not_fill_the_journal(raw: Any, until: Until) -> None:
    number = iter(range(10_000))

    def script(client: socket.socket) -> None:
        reason = f"reason {next(number)}\n\x1b[31m".encode()
        client.sendall(server_frame(CLOSE, (4_000).to_bytes(2, "big") + reason))
        client.recv(1)

    default_runtime().journal.clear()
    server = raw(script)
    client, *_ = talk_to(server.url)
    until(lambda: server.accepted > 40, within=60)
    entries = [entry for entry in journal() if entry.get("client") == client]
    assert len(entries) <= notes_module._MOST_PROBLEMS + 2
    assert sum(entry["count"] for entry in entries) > 40
    assert all(entry["message"].isprintable() for entry in entries)
    assert state_of(client) in ("connected", "reconnecting")
