"""Messages that wait for handlers: one budget for all, and no message is lost when it is used up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from tests.net.conftest import inside, on_loop
from tests.net.wire import BINARY, Wire, frame
from zefnb import ET, FX, run
from zefnb.engine.actors import Actors
from zefnb.engine.mailbox import Mailbox
from zefnb.engine.runtime import default_runtime
from zefnb.errors import NotRunning
from zefnb.net import read_scheduler
from zefnb.net.budget import Account, Budget
from zefnb.net.websocket.waiting import Waiting

Raw = Callable[..., Wire]
SIZE = 100_000
LIMIT = 1_000_000


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    opened = threading.Event()
    yield opened
    opened.set()


@pytest.fixture(params=["thread", "task"])
def server(serve: Any, gate: threading.Event, monkeypatch: pytest.MonkeyPatch, request: Any, until: Any) -> Any:
    """Handlers wait for the gate, and then send the size of the message back."""

    def reply(message: Any, state: Any) -> Any:
        if isinstance(message, str | bytes):
            gate.wait(30)
            return [[FX.Publish(target=state, content=str(len(message)))], state]
        return [[], getattr(message, "topic_out", state)]

    async def reply_async(message: Any, state: Any) -> Any:
        import asyncio

        while isinstance(message, str | bytes) and not gate.is_set():
            await asyncio.sleep(0.01)
        return reply(message, state)

    handler = reply if request.param == "thread" else reply_async
    topic = ET.Topic("plain")
    server = serve(
        {
            "/ws": ET.WebSocket(actor=FX.StartActor(initial_state=None, handler=handler)),
            "/topic": ET.WebSocket(clients_push_into_=[topic], clients_subscribe_to=[topic]),
        }
    )
    assert account().held == 0
    monkeypatch.setattr(account(), "limit", LIMIT)
    yield server
    gate.set()
    with suppress(NotRunning):
        FX.StopHTTPServer(server=server) | run
    until(lambda: not default_runtime().service(Actors).handles())


def account() -> Any:
    return default_runtime().service(Budget).waiting


def begin(wire: Wire, size: int = SIZE) -> None:
    wire.socket.settimeout(0.3)
    with suppress(TimeoutError):
        wire.send(frame(b"x" * size, BINARY))
    wire.socket.settimeout(30)


def test_bytes_count_while_they_wait_and_while_they_are_handled(server: Any, raw: Raw, until: Any, gate: Any):
    wire = raw(server)
    wire.send(frame(b"x" * SIZE, BINARY))
    until(lambda: account().held == SIZE)
    wire.send(frame("x" * SIZE), frame(b"small", BINARY))
    until(lambda: account().held >= 2 * SIZE)
    assert account().held <= 2 * SIZE + 5
    gate.set()
    assert [wire.read().payload for _ in range(3)] == [b"%d" % SIZE, b"%d" % SIZE, b"5"]
    until(lambda: account().held == 0)


def test_a_crowd_holds_no_more_than_the_budget_and_every_message_is_handled(
    server: Any, raw: Raw, until: Any, gate: Any
):
    wires = [raw(server) for _ in range(40)]
    sent: list[threading.Thread] = []
    for wire in wires:
        thread = threading.Thread(target=lambda wire=wire: wire.send(*[frame(b"x" * SIZE, BINARY)] * 4))
        thread.start()
        sent.append(thread)
    until(lambda: account().held >= LIMIT)
    unfinished = inside(server)._connections._outbox.unfinished
    # Each connection may have one message more than it should, since a whole message is read at once.
    assert account().held <= LIMIT + len(wires) * SIZE
    assert on_loop(lambda: unfinished._account.held) <= 40 * SIZE
    gate.set()
    for wire in wires:
        assert [wire.read().payload for _ in range(4)] == [b"%d" % SIZE] * 4
    for thread in sent:
        thread.join(20)
    until(lambda: account().held == 0)
    waiting = inside(server)._connections._outbox.waiting
    # Clients that have nothing more to send are resumed a few at a time.
    until(lambda: not on_loop(lambda: waiting._paused or waiting._held))


def test_a_crowd_whose_received_bytes_alone_would_use_up_the_budget_is_handled(
    server: Any, raw: Raw, gate: Any, monkeypatch: pytest.MonkeyPatch
):
    gate.set()
    # Each connection parses one message at a time, as beside a busy processor, and keeps the rest.
    monkeypatch.setattr(read_scheduler, "ITERATION_BUDGET", -1.0)
    monkeypatch.setattr(account(), "limit", 200_000)
    wires = [raw(server) for _ in range(20)]
    on_loop(lambda: [wire.send(*[frame(b"x" * 1_000, BINARY)] * 50) for wire in wires])
    for wire in wires:
        assert [wire.read().payload for _ in range(50)] == [b"1000"] * 50


def test_while_much_is_yet_to_be_parsed_each_read_is_small(server: Any, until: Any):
    outbox = inside(server)._connections._outbox
    received = default_runtime().service(Budget).received
    # Clients of the test before may still be closing.
    until(lambda: on_loop(lambda: received.held == 0 and len(outbox.receive_buffer) == 262_144))

    def sizes() -> list[int]:
        result = []
        for more in (received.limit - 1, 1, -1, 1 - received.limit):
            outbox.reads.count(more)
            result.append(len(outbox.receive_buffer))
        return result

    assert on_loop(sizes) == [262_144, 16_384, 262_144, 262_144]


def test_a_client_of_topics_and_small_messages_are_served_meanwhile(server: Any, raw: Raw, until: Any, gate: Any):
    for _ in range(12):
        begin(raw(server))
    until(lambda: account().held >= LIMIT)
    wire = raw(server, "/topic")
    wire.send(frame("x" * SIZE), frame("small"))
    assert [len(wire.read().payload) for _ in range(2)] == [SIZE, 5]


@pytest.mark.parametrize("end", ["close", "reset"])
def test_the_bytes_of_a_client_that_has_left_count_until_they_are_handled(
    server: Any, raw: Raw, until: Any, gate: Any, end: str
):
    wire = raw(server)
    wire.send(frame(b"x" * SIZE, BINARY), frame(b"x" * SIZE, BINARY))
    until(lambda: account().held == 2 * SIZE)
    wire.reset() if end == "reset" else wire.socket.close()
    until(lambda: not FX.QueryAllConnectedWebsocketClients(http_server=server) | run)
    assert account().held == 2 * SIZE
    gate.set()
    until(lambda: account().held == 0)


def test_after_the_server_has_stopped_the_bytes_are_released_too(server: Any, raw: Raw, until: Any, gate: Any):
    wires = [raw(server) for _ in range(3)]
    for wire in wires:
        wire.send(frame(b"x" * SIZE, BINARY), frame(b"x" * SIZE, BINARY))
    until(lambda: account().held == 6 * SIZE)
    FX.StopHTTPServer(server=server) | run
    gate.set()
    until(lambda: account().held == 0)


class Connection:
    """A connection that only counts its pauses."""

    def __init__(self) -> None:
        self.max_size, self.is_open, self.pauses = 100, True, 0

    def pause_reading(self) -> None:
        self.pauses += 1

    def resume_reading(self) -> None:
        self.pauses -= 1


@pytest.fixture
def waiting() -> Any:
    made = on_loop(lambda: Waiting(default_runtime()))
    made._account = Account(1_000)
    return made


@pytest.mark.parametrize(("size", "pauses"), [(999, 0), (1_000, 1), (1_001, 1)])
def test_a_connection_is_paused_from_the_limit_on(waiting: Any, size: int, pauses: int):
    connection = Connection()
    on_loop(lambda: waiting.set_size(connection, size))
    assert (connection.pauses, waiting.is_full) == (pauses, bool(pauses))
    on_loop(lambda: waiting.set_size(connection, 0))
    assert (connection.pauses, waiting.is_full) == (0, False)


def test_as_many_connections_are_resumed_as_there_is_room_for(waiting: Any):
    first, others = Connection(), [Connection() for _ in range(5)]

    def there() -> list[list[int]]:
        """The pauses of all after each change, in one iteration: later the others are resumed, too."""
        found = []
        waiting.set_size(first, 1_200)
        for each in others:
            waiting.pause(each)
            waiting.pause(each)
        for size in (1_200, 1_000, 700, 999):
            waiting.set_size(first, size)
            found.append([each.pauses for each in (first, *others)])
        return found

    # With 700 bytes there is room for two messages, and the first connection is resumed before.
    assert on_loop(there) == [[1] * 6, [1] * 6, [0, 0, 0, 1, 1, 1], [0, 0, 0, 0, 1, 1]]


def test_connections_are_resumed_although_the_resumed_ones_send_nothing(waiting: Any, until: Any):
    first, others = Connection(), [Connection() for _ in range(30)]

    def there() -> int:
        waiting.set_size(first, 1_000)
        for each in others:
            waiting.pause(each)
        waiting.set_size(first, 0)
        return sum(each.pauses for each in others)

    assert 0 < on_loop(there) < 30
    until(lambda: not any(each.pauses for each in others))


def test_a_closed_connection_is_not_paused(waiting: Any):
    first, closed = Connection(), Connection()
    closed.is_open = False
    on_loop(lambda: (waiting.set_size(first, 1_000), waiting.pause(closed), waiting.set_size(closed, 500)))
    assert closed.pauses == 0
    on_loop(lambda: (waiting.set_size(closed, 0), waiting.set_size(first, 0)))
    assert waiting._account.held == 0


def test_a_mailbox_reports_whenever_less_waits():
    mailbox, told = Mailbox(), []
    mailbox.on_handled = lambda: told.append(mailbox.held)
    mailbox.put(b"x" * 10)
    mailbox.put({"not": "sized"})
    mailbox.take()
    mailbox.begin_taken()
    assert (told, mailbox.held) == ([], 10)
    mailbox.ends()
    assert (told, mailbox.held) == ([0], 0)
    mailbox.put("abc")
    mailbox.put("de")
    assert mailbox.held == 5
    mailbox.clear()
    assert told == [0, 0]
