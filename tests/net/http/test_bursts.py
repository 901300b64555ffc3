"""Many clients at once: their connections and requests take turns with other clients."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from typing import Any

import pytest

from tests.net.conftest import inside, on_loop
from tests.net.wire import handshake
from zefnb import ET
from zefnb.net import read_scheduler
from zefnb.net.http import guard
from zefnb.net.http.arrival import Arrival
from zefnb.net.http.guard import GuardedHTTP

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
def server(serve: Any, topic: Any) -> Any:
    return serve({"/": "up", "/ws": ET.WebSocket(clients_subscribe_to=[topic])})


def connections(server: Any, kind: type, count: int, until: Any) -> list[Any]:
    """The connections of this kind, once there are `count`."""

    def found() -> list[Any]:
        return [each for each in inside(server)._state.connections if type(each) is kind]

    until(lambda: on_loop(lambda: len(found())) == count)
    return list(on_loop(found))


@pytest.fixture
def no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_scheduler, "ITERATION_BUDGET", -1.0)


@pytest.mark.parametrize(("sent", "status"), [(GET, 200), (handshake(), 101)], ids=["request", "handshake"])
def test_new_clients_that_send_at_once_wait_when_an_iteration_has_no_more_time(
    no_time: None, server: Any, raw: Any, until: Any, sent: bytes, status: int
):
    wires = [raw(server, None) for _ in range(20)]
    arrivals = connections(server, Arrival, 20, until)

    def receive() -> list[bool]:
        for arrival in arrivals:
            arrival.data_received(sent)
        return [arrival.is_queued for arrival in arrivals]

    assert on_loop(receive) == [True] * 20
    assert [wire.read_head()[0] for wire in wires] == [status] * 20


def test_the_first_bytes_that_wait_are_joined_with_the_next_and_a_long_read_does_not_wait(
    no_time: None, server: Any, raw: Any, until: Any
):
    short, long = raw(server, None), raw(server, None)
    first, second = connections(server, Arrival, 2, until)

    def receive() -> list[bool]:
        first.data_received(GET[:20])
        second.data_received(GET[:-2] + b"x: " + b"y" * 5_000 + b"\r\n\r\n")
        waits = [bool(first._waiting), second.is_queued]
        first.data_received(GET[20:])
        return [*waits, bool(first._waiting)]

    assert on_loop(receive) == [True, False, False]
    assert [wire.read_response()[0] for wire in (short, long)] == [200, 200]


def test_a_client_whose_first_bytes_wait_is_not_too_late(no_time: None, server: Any, raw: Any, until: Any):
    wire, silent = raw(server, None), raw(server, None)
    arrivals = connections(server, Arrival, 2, until)

    def time_out() -> None:
        arrivals[0].data_received(GET)
        for arrival in arrivals:
            arrival._deadline.cancel()
            arrival._on_timeout()

    on_loop(time_out)
    ends = {wire: b"", silent: b""}
    for each in ends:
        each.socket.settimeout(20)
        ends[each] = each.socket.recv(12)
    assert sorted(ends.values()) == [b"", b"HTTP/1.1 200"]


def test_an_iteration_parses_as_many_requests_as_it_has_time_to_respond(
    server: Any, raw: Any, until: Any, monkeypatch: pytest.MonkeyPatch
):
    wires = [raw(server, None) for _ in range(5)]
    for wire in wires:
        wire.send(GET)
        assert wire.read_response()[0] == 200
    peers = connections(server, GuardedHTTP, 5, until)
    monkeypatch.setattr(read_scheduler, "ITERATION_BUDGET", 1e6)
    # The first response takes all the time.
    monkeypatch.setattr(guard, "RESPONSE_TIME", 2e6)

    def receive() -> list[bool]:
        for peer in peers:
            peer.data_received(GET)
        return [peer.is_queued for peer in peers]

    assert on_loop(receive) == [False, True, True, True, True]
    assert [wire.read_response()[0] for wire in wires] == [200] * 5


@pytest.mark.parametrize(("is_crowded", "count"), [(False, 5), (True, 1)])
def test_while_many_wait_to_be_parsed_each_iteration_accepts_one_connection(
    server: Any, raw: Any, is_crowded: bool, count: int
):
    acceptor = inside(server)._acceptor
    with ExitStack() as stack:

        def accept() -> int:
            acceptor._is_crowded = lambda: is_crowded
            for _ in range(5):
                stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            acceptor._accept(acceptor.listeners[0])
            return len(acceptor._connecting)

        assert on_loop(accept) == count
    # The others are accepted in later iterations.
    wire = raw(server, None)
    wire.send(GET)
    assert wire.read_response()[0] == 200
