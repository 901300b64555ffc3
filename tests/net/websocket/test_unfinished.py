"""Unfinished messages: one budget for all, and no client waits for ever when it is used up."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from tests.net.conftest import inside, on_loop
from tests.net.wire import BINARY, CONT, Wire, closing, frame
from zefnb import ET, FX, zef_function
from zefnb.engine.runtime import default_runtime
from zefnb.net.budget import Account
from zefnb.net.websocket import unfinished

Raw = Callable[..., Wire]
SIZE = 400_000
LIMIT = 1_000_000


@zef_function(inline=True)
def length(message: Any, state: Any) -> Any:
    if isinstance(message, str | bytes):
        return [[FX.Publish(target=state, content=str(len(message)))], state]
    return [[], getattr(message, "topic_out", state)]


@pytest.fixture
def server(serve: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Two and a half messages have room; a client that stalls has half a second."""
    actor = FX.StartActor(initial_state=None, handler=length)
    server = serve({"/ws": ET.WebSocket(actor=actor, max_size=SIZE)})
    monkeypatch.setattr(account(server), "limit", LIMIT)
    monkeypatch.setattr(unfinished, "STALL_TIMEOUT", 0.5)
    return server


def unfinished_of(server: Any) -> Any:
    return inside(server)._connections._outbox.unfinished


def account(server: Any) -> Any:
    return unfinished_of(server)._account


def begin(wire: Wire) -> None:
    """All of a message but its last byte, as far as it is taken."""
    wire.socket.settimeout(1)
    with suppress(TimeoutError):
        wire.send(MESSAGE[:-1])
    wire.socket.settimeout(30)


MESSAGE = frame(b"x" * SIZE, BINARY)


def test_bytes_of_unfinished_messages_are_counted_and_released(server: Any, raw: Raw, until: Any):
    wire, fragments = raw(server), raw(server)
    wire.send(MESSAGE[:-1])
    fragments.send(frame(b"x" * 100_000, BINARY, fin=False))
    until(lambda: 490_000 < account(server).held < 510_000)
    wire.send(MESSAGE[-1:])
    assert wire.read().payload == b"%d" % SIZE
    until(lambda: 90_000 < account(server).held < 110_000)
    fragments.send(frame(b"x", CONT))
    assert fragments.read().payload == b"100001"
    until(lambda: account(server).held == 0)


@pytest.mark.parametrize("end", ["close", "reset", "breach"])
def test_a_client_that_disconnects_during_a_message_releases_its_bytes(server: Any, raw: Raw, until: Any, end: str):
    wire = raw(server)
    wire.send(frame(b"x" * 100_000, BINARY, fin=False), frame(b"x" * 9_000, CONT)[:-1] if end == "reset" else b"")
    until(lambda: account(server).held > 90_000)
    if end == "reset":
        wire.reset()
    else:
        wire.send(closing(1000) if end == "close" else frame("text, where a fragment is due"))
    until(lambda: account(server).held == 0)
    until(lambda: not unfinished_of(server)._progress)


def test_clients_that_stall_while_others_wait_are_closed_and_the_others_continue(
    server: Any, raw: Raw, until: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(unfinished, "STALL_TIMEOUT", 60.0)
    stalled = [raw(server) for _ in range(4)]
    begin(stalled[0])
    until(lambda: account(server).held > SIZE - 10_000)  # so it has stalled longest
    for wire in stalled[1:]:
        begin(wire)
    assert account(server).held <= LIMIT
    until(lambda: on_loop(lambda: unfinished_of(server).is_short))
    # Long enough for those that continue on a busy machine.
    monkeypatch.setattr(unfinished, "STALL_TIMEOUT", 2.0)
    newcomers = [raw(server) for _ in range(3)]
    for wire in newcomers:
        wire.send(MESSAGE)
        assert wire.read().payload == b"%d" % SIZE
    assert stalled[0].read_close().code == 1013


def test_no_slow_client_is_closed_while_there_is_room(server: Any, raw: Raw, until: Any):
    wire, other = raw(server), raw(server)
    wire.send(MESSAGE[:-1])
    until(lambda: account(server).held > SIZE - 10_000)
    assert wire.silent(1.5), "nobody waits for it"
    other.send(MESSAGE)
    assert other.read().payload == b"%d" % SIZE
    wire.send(MESSAGE[-1:])
    assert wire.read().payload == b"%d" % SIZE


def test_messages_that_do_not_all_fit_are_all_received(
    server: Any, raw: Raw, until: Any, monkeypatch: pytest.MonkeyPatch
):
    """Ten clients start together, with room for two: all finish, one after the other if necessary."""
    monkeypatch.setattr(unfinished, "STALL_TIMEOUT", 60.0)
    wires = [raw(server) for _ in range(10)]
    piece = 20_000
    rest = dict.fromkeys(wires, memoryview(MESSAGE))
    for wire in wires:
        wire.socket.setblocking(False)

    def all_sent() -> bool:
        for wire, left in rest.items():
            with suppress(BlockingIOError):
                rest[wire] = left[wire.socket.send(left[:piece]) :] if left else left
        return not any(map(len, rest.values()))

    until(all_sent)
    for wire in wires:
        wire.socket.settimeout(20)
        assert wire.read().payload == b"%d" % SIZE
    until(lambda: account(server).held == 0)
    assert not on_loop(lambda: unfinished_of(server).is_short)
    outbox = inside(server)._connections._outbox
    assert len(outbox.receive_buffer) == len(outbox.whole_buffer)


def test_a_message_longer_than_the_budget_is_received_when_it_is_alone(
    server: Any, raw: Raw, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(account(server), "limit", SIZE // 2)
    wire = raw(server)
    wire.send(MESSAGE)
    assert wire.read().payload == b"%d" % SIZE


class Client:
    """A connection that only counts its pauses."""

    max_size = 100
    pauses = 0

    def pause_reading(self) -> None:
        self.pauses += 1

    def resume_reading(self) -> None:
        self.pauses -= 1

    def close_stalled(self, reason: str) -> None:
        raise AssertionError(reason)


def test_a_client_whose_message_is_dropped_while_it_waits_is_read_again():
    waiting = on_loop(lambda: unfinished.Unfinished(default_runtime()))
    waiting._account = Account(100)
    first, second, third = Client(), Client(), Client()

    def fill() -> list[int]:
        for client in (first, second, third):
            waiting.set_size(client, 100)
        return [client.pauses for client in (first, second, third)]

    # The second client is the one that is read although there is no room.
    assert on_loop(fill) == [0, 0, 1]
    on_loop(lambda: waiting.set_size(third, 0))
    assert third.pauses == 0
    on_loop(lambda: [waiting.set_size(client, 0) for client in (first, second)])
    assert (first.pauses, second.pauses, waiting._account.held) == (0, 0, 0)


def test_clients_that_each_hold_a_part_do_not_use_up_the_room_for_whole_messages():
    waiting = on_loop(lambda: unfinished.Unfinished(default_runtime()))
    waiting._account = Account(400)
    clients = [Client() for _ in range(12)]
    sizes = dict.fromkeys(clients, 0)

    def grow_in_turn() -> int:
        while growing := [client for client in clients if not client.pauses and sizes[client] < Client.max_size]:
            for client in growing:
                sizes[client] += 10
                waiting.set_size(client, sizes[client])
        complete = [client for client in clients if sizes[client] == Client.max_size]
        for client in clients:
            waiting.set_size(client, 0)
        return len(complete)

    # Half of the room holds parts, the other half two messages, and one more is read without room.
    assert on_loop(grow_in_turn) == 3
    assert (waiting._account.held, waiting._reserved) == (0, 0)
    assert not any(client.pauses for client in clients)
