"""The limits of the outward client, each at the limit and one beyond it."""

from __future__ import annotations

import os
import socket
from types import SimpleNamespace
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.frames import Close
from websockets.protocol import OPEN
from websockets.uri import parse_uri

from tests.net.client.raw import server_frame
from tests.net.conftest import on_loop
from zefnb import ET
from zefnb.core.wire import TEXT
from zefnb.errors import FieldError
from zefnb.net.client.addresses import Scope, scope_of
from zefnb.net.client.client import Client
from zefnb.net.client.connection import MOST_FRAGMENTS, MOST_PINGS_WAITING, OutwardConnection, OutwardProtocol
from zefnb.net.client.failures import TOO_BIG, Disconnect, disconnect_of
from zefnb.net.client.notes import Notes
from zefnb.net.client.send_queue import MOST_BYTES, MOST_MESSAGES, Message, SendQueue
from zefnb.net.client.target import LARGEST_MAX_SIZE, check_target

CONT, PING = 0x0, 0x9
MIB = 1 << 20


# Reading


def opened() -> OutwardProtocol:
    return OutwardProtocol(parse_uri("ws://host/ws"), state=OPEN, max_size=MIB)


def sent(protocol: OutwardProtocol) -> bytes:
    return b"".join(protocol.data_to_send())


def test_of_one_piece_64_pings_get_a_pong_each_and_of_the_others_the_newest():
    protocol = opened()
    protocol.receive_data(server_frame(PING) * 64)
    assert (len(sent(protocol)) // 6, protocol.newest_ping) == (64, None)
    protocol.receive_data(server_frame(PING, b"65") + server_frame(PING, b"66"))
    assert (sent(protocol), protocol.newest_ping, protocol.pings_waiting) == (b"", b"66", 2)


class Transport:
    def __init__(self) -> None:
        self.calls: list[str] = []

    def is_closing(self) -> bool:
        return False

    def set_write_buffer_limits(self, *given: Any, **options: Any) -> None:
        pass

    def pause_reading(self) -> None:
        self.calls.append("pause")

    def resume_reading(self) -> None:
        self.calls.append("resume")


@pytest.mark.parametrize(("more", "calls"), [(0, []), (1, ["pause"])])
def test_a_server_that_does_not_read_is_read_until_one_ping_more_than_the_limit_waits(more: int, calls: list[str]):
    def there() -> list[str]:
        connection = OutwardConnection(opened(), ping_interval=None, close_timeout=1)
        transport = Transport()
        connection.connection_made(transport)  # type: ignore[arg-type]
        connection.pause_writing()
        connection.data_received(server_frame(PING) * (MOST_PINGS_WAITING + more))
        return transport.calls

    assert on_loop(there) == calls


@pytest.mark.parametrize(("count", "code"), [(MOST_FRAGMENTS, None), (MOST_FRAGMENTS + 1, 1009)])
def test_fragments_are_counted_for_each_message_and_not_while_control_frames_arrive(count: int, code: int | None):
    protocol = opened()
    for _ in range(2):
        protocol.receive_data(server_frame(TEXT, b"a", fin=False) + server_frame(CONT, fin=False) * 1_000)
        protocol.receive_data(server_frame(PING) + server_frame(CONT, fin=True))
    protocol.receive_data(server_frame(TEXT, fin=False) + server_frame(CONT, fin=False) * (count - 1))
    assert (None if protocol.close_sent is None else protocol.close_sent.code) == code


# Sending


class CallQueue:
    """Notes whether publishers are paused. Three calls wait."""

    waiting = 3
    is_paused = False

    def pause_for(self, source: object) -> None:
        self.is_paused = True

    def resume_for(self, source: object) -> None:
        self.is_paused = False


def queue(connected: bool = False) -> tuple[SendQueue, CallQueue]:
    calls = CallQueue()
    made = SendQueue(calls)  # type: ignore[arg-type]
    if connected:
        made.connected()
    return made, calls


def put(made: SendQueue, count: int, size: int = 1) -> list[bool]:
    payload = b"x" * size
    return [made.put(Message(TEXT, payload)) for _ in range(count)]


@pytest.mark.parametrize(("count", "size", "last"), [(MOST_MESSAGES, 1, 1), (16, MIB, 1), (15, MIB, MIB + 1)])
def test_a_queue_accepts_messages_and_bytes_up_to_its_limits(count: int, size: int, last: int):
    made, _ = queue()
    assert all(put(made, count, size))
    assert put(made, 1, last) == [False]
    assert (len(made), made.dropped) == (count, 1)


def test_a_queue_accepts_the_last_byte_and_a_longer_message_only_when_it_is_alone():
    made, _ = queue()
    assert put(made, 1, MOST_BYTES + 1) == [True]
    assert put(made, 1) == [False]
    made, _ = queue()
    assert put(made, 1, MOST_BYTES - 1) + put(made, 1) == [True, True]


@pytest.mark.parametrize(("half", "quarter", "size"), [(5_000, 2_500, 1), (8, 4, MIB)])
def test_publishers_are_paused_above_half_of_the_limit_and_resumed_at_a_quarter(half: int, quarter: int, size: int):
    made, calls = queue(connected=True)
    put(made, half, size)
    assert not calls.is_paused
    put(made, 1)
    assert calls.is_paused
    for _ in range(half - quarter):
        made.mark_sent()
    assert calls.is_paused
    made.mark_sent()
    assert not calls.is_paused
    put(made, quarter - 1, size)
    assert not calls.is_paused


def test_a_lost_connection_resumes_publishers_at_once():
    made, calls = queue(connected=True)
    put(made, 5_001)
    assert calls.is_paused
    made.disconnected()
    assert not calls.is_paused


def test_publishers_that_were_just_pausing_may_exceed_the_limit_by_what_waits_and_64():
    made, calls = queue(connected=True)
    assert all(put(made, MOST_MESSAGES + CallQueue.waiting + 64))
    assert calls.is_paused
    assert put(made, 1) == [False]


@pytest.mark.parametrize(
    ("sent_count", "size", "kept"), [(4_096, 1, 4_096), (4_097, 1, 4_096), (4, MIB, 4), (5, MIB, 4)]
)
def test_so_many_unconfirmed_messages_are_sent_again(sent_count: int, size: int, kept: int):
    made, _ = queue()
    put(made, sent_count, size)
    for _ in range(sent_count):
        made.mark_sent()
    made.requeue_unacked(again=True)
    assert len(made) == kept


def test_a_confirmation_covers_the_messages_before_its_request_and_no_other():
    made, _ = queue()
    put(made, 3)
    made.mark_sent()
    made.mark_sent()
    mark = made.ack_requested()
    made.mark_sent()
    made.confirm(mark)
    made.confirm(mark)
    made.requeue_unacked(again=True)
    assert (len(made), made.progress) == (1, (3, 4))


def test_a_confirmation_is_requested_after_each_256_messages_and_behind_the_last():
    made, _ = queue()
    put(made, 600)
    wanted = []
    for number in range(1, 601):
        made.mark_sent()
        if made.wants_ack:
            wanted.append(number)
            made.ack_requested()
    assert wanted == [256, 512, 600]


# The rest


def test_sixteen_different_problems_have_a_line_each_and_the_others_share_one():
    lines: list[Any] = []
    journal: Any = SimpleNamespace(note=lambda level, text, key, client: lines.append(key))
    notes = Notes(journal, ET.WebSocketClient("client"))
    for number in range(20):
        notes.problem(f"problem {number}")
    notes.problem("problem 3")
    assert [lines.count(line) for line in dict.fromkeys(lines)] == [1, 1, 1, 2, *[1] * 12, 4]


def test_a_forked_child_closes_its_copy_of_the_socket():
    ours, theirs = socket.socketpair()
    transport = SimpleNamespace(get_extra_info=lambda name: ours)
    client: Any = SimpleNamespace(connection=SimpleNamespace(transport=transport))
    descriptor = ours.fileno()
    Client.forget_sockets(client)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)
    assert theirs.recv(1) == b""
    ours.detach()
    Client.forget_sockets(client)
    Client.forget_sockets(SimpleNamespace(connection=None))  # type: ignore[arg-type]
    theirs.close()


def refused(port: int | None = None, max_size: int = MIB) -> list[str]:
    """The fields of an url's target that are mistakes."""
    faults: list[FieldError] = []
    target = check_target("ws://host/ws", port, None, None, {}, (), "any", max_size, faults)
    assert (target is None) is bool(faults)
    return [fault.field for fault in faults]


@pytest.mark.parametrize(
    ("size", "fits"), [(0, False), (1, True), (LARGEST_MAX_SIZE, True), (LARGEST_MAX_SIZE + 1, False)]
)
def test_a_message_of_a_server_may_have_from_one_byte_to_1_gib(size: int, fits: bool):
    assert refused(max_size=size) == ([] if fits else ["max_size"])


@pytest.mark.parametrize(("port", "fits"), [(0, False), (1, True), (65_535, True), (65_536, False)])
def test_a_port_is_a_number_from_1_to_65535(port: int, fits: bool):
    assert refused(port=port) == ([] if fits else ["port"])


@pytest.mark.parametrize(("address", "scope"), [
    ("::", Scope.MACHINE),
    ("::1", Scope.MACHINE),
    ("::2", Scope.MACHINE),  # 0.0.0.2
    ("::7f00:1", Scope.MACHINE),
    ("::a00:1", Scope.NETWORK),
    ("::ffff:ffff", Scope.NETWORK),
    ("::808:808", Scope.PUBLIC),
    ("64:ff9b::7f00:1", Scope.MACHINE),
    ("64:ff9b::ffff:ffff", Scope.NETWORK),
    ("64:ff9b::808:808", Scope.PUBLIC),
])  # fmt: skip
def test_an_ipv4_address_in_an_ipv6_address_has_its_own_scope(address: str, scope: Scope):
    assert scope_of(address) is scope


def test_an_address_beyond_the_ipv4_addresses_is_not_taken_for_one():
    # 127.0.0.1 in the lowest 32 bits of an address that contains no IPv4 address.
    assert scope_of("::1:7f00:1") is not Scope.MACHINE
    assert scope_of("64:ff9b::1:7f00:1") is not Scope.MACHINE


def test_a_message_that_is_too_long_is_the_reason_of_a_disconnect_also_when_the_server_repeats_the_code():
    too_big, normal = Close(1009, "x"), Close(1000, "bye")
    cases: list[tuple[Any, Any, bool | None, Disconnect]] = [
        (too_big, too_big, False, Disconnect(1009, TOO_BIG)),
        (None, too_big, None, Disconnect(1009, TOO_BIG)),
        (too_big, too_big, True, Disconnect(1009, "x")),
        (normal, too_big, False, Disconnect(1000, "bye")),
    ]
    for received, answered, first, expected in cases:
        assert disconnect_of(ConnectionClosedError(received, answered, first)) == expected
