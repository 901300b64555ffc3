"""All messages that wait for clients share a limit: a crowd that does not read cannot use up the memory."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Any

import pytest

from tests.net.conftest import inside, on_loop, said
from tests.net.wire import BINARY, frame
from zefnb import ET, FX, zef_function
from zefnb.net.websocket import unsent
from zefnb.net.websocket.backlog import Backlog
from zefnb.net.websocket.packer import Packing
from zefnb.net.websocket.unsent import surplus

NOW = 1_000.0
MIB = 1 << 20


@zef_function(inline=True)
def echo(message: Any, state: Any) -> Any:
    if isinstance(message, str | bytes):
        return [[FX.Publish(target=state, content=message)], state]
    return [[], getattr(message, "topic_out", state)]


class Client:
    """A client for which these pieces wait, and so many bytes in its transport."""

    def __init__(self, *pieces: Any, stalled: float = 0.0, buffered: int = 0) -> None:
        self.backlog = Backlog(has_read=True)
        for piece in pieces:
            self.backlog.put(piece, 1)
        self.backlog.record_progress(1, NOW - stalled)
        self._buffered = buffered

    @property
    def queued(self) -> int:
        return self.backlog.bytes + self._buffered


@pytest.fixture(autouse=True)
def limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unsent, "UNSENT_LIMIT", 100)


def waiting(size: int, **options: Any) -> Client:
    return Client(bytes(size), **options)


@pytest.mark.parametrize(("last", "closes"), [(50, False), (51, True)])
def test_one_byte_more_than_the_limit_closes_the_client_for_which_most_waits(last: int, closes: bool):
    first, second = waiting(50), waiting(last)
    assert surplus([second, first], NOW) == [second] * closes
    assert len(surplus([first, waiting(0, buffered=last)], NOW)) == closes


def test_clients_that_read_nothing_are_closed_before_those_that_read():
    reads, small, large = waiting(90), waiting(5, stalled=2.0), waiting(40, stalled=2.0)
    assert surplus([large, reads, small], NOW) == [large]
    assert surplus([small, waiting(59), large, waiting(41)], NOW) == [large, small]


def test_bytes_that_wait_for_several_clients_count_once():
    shared = bytes(60)
    crowd = [Client(shared) for _ in range(1_000)]
    assert surplus(crowd, NOW) == []
    last = Client(shared, bytes(41), stalled=2.0)
    assert surplus([*crowd, last], NOW) == [last]


def test_a_client_alone_has_only_the_limits_of_its_route():
    alone = waiting(5_000, stalled=4.0)
    assert surplus([alone], NOW) == []


def test_messages_that_have_yet_to_be_packed_count_as_nothing_and_packed_ones_with_their_frame():
    packing = Packing(1, b"x" * 1_000, 15)
    unpacked, other = Client(packing), waiting(60)
    assert surplus([unpacked, other], NOW) == []
    packing.done(b"y" * 41)
    unpacked.backlog.packed(packing)
    assert surplus([unpacked, other], NOW) == [other]


def test_a_crowd_that_does_not_read_its_replies_holds_no_more_than_the_limit(
    serve: Any, raw: Any, until: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(unsent, "UNSENT_LIMIT", 12 * MIB)
    server = serve({"/ws": ET.WebSocket(actor=FX.StartActor(initial_state=None, handler=echo))})
    message = frame(b"x" * MIB, BINARY)
    reader = raw(server)
    crowd = [raw(server, receive_buffer=4_096) for _ in range(12)]
    connections = inside(server)._connections
    for connection in on_loop(lambda: list(inside(server).clients())):
        # The kernel would accept some MiB for each.
        connection.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8_192)
    for wire in crowd * 2:
        with suppress(OSError):  # it has been cut
            wire.send(message)
    until(said("wait for all clients together", "warning"))

    def held() -> int:
        return sum(client.queued for client in connections._outbox.slow_clients._watched)

    until(lambda: on_loop(held) <= 12 * MIB)
    assert len(on_loop(lambda: list(inside(server).clients()))) >= 4
    reader.send(message)
    assert len(reader.read().payload) == MIB
