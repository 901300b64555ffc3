"""The limits of reading, each at the limit and one byte, or one moment, beyond it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.clock import Clock
from tests.net.conftest import inside, on_loop
from tests.net.wire import BINARY, CLOSE, Wire, frame
from zefnb import ET, FX, run, zef_function
from zefnb.engine.runtime import default_runtime
from zefnb.net.budget import Budget
from zefnb.net.websocket import connection as connection_module
from zefnb.net.websocket import unfinished
from zefnb.net.websocket.outbox import Outbox
from zefnb.net.websocket.read_side import ReadSide
from zefnb.net.websocket.unfinished import PROGRESS, Unfinished
from zefnb.net.websocket.waiting import Waiting

Raw = Callable[..., Wire]
STEP = 4_096


@zef_function(inline=True)
def ignores(message: Any, state: Any) -> Any:
    return [[], state]


@pytest.fixture
def server(serve: Any) -> Any:
    return serve({"/ws": ET.WebSocket(actor=FX.StartActor(initial_state=None, handler=ignores))})


def test_bytes_of_an_unfinished_message_count_from_4_kib_on_in_steps_of_4_kib(server: Any, raw: Raw, until: Any):
    wire, message = raw(server), frame(b"x" * 20_000, BINARY)
    (connection,) = on_loop(inside(server).clients)
    account = default_runtime().service(Budget).messages
    sent = 0
    for size, held in [(STEP - 1, 0), (STEP, STEP), (2 * STEP - 1, STEP), (2 * STEP, 2 * STEP)]:
        wire.send(message[sent:size])
        sent = size
        until(lambda size=size: len(connection._tail) == size)
        assert on_loop(lambda: account.held) == held
    wire.send(message[sent:])
    until(lambda: connection.received == 1)
    assert on_loop(lambda: account.held) == 0


@pytest.mark.parametrize(("size", "held"), [(STEP - 1, 0), (STEP, STEP), (STEP + 1, STEP + 1)])
def test_bytes_of_waiting_messages_count_from_4_kib_on(server: Any, raw: Raw, size: int, held: int):
    seen: list[int] = []
    raw(server)
    (connection,) = on_loop(inside(server).clients)
    account = default_runtime().service(Budget).waiting

    def there() -> None:
        connection.mailbox.put(b"x" * size)
        connection._count_waiting()
        seen.append(account.held)
        connection.mailbox.clear()
        connection._count_waiting()
        seen.append(account.held)

    on_loop(there)
    assert seen == [held, 0]


class Transport:
    """Notes when reading is paused and resumed."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None:
        self.calls.append("pause")

    def resume_reading(self) -> None:
        self.calls.append("resume")


def test_of_several_pauses_the_first_pauses_the_transport_and_the_last_end_resumes_it():
    def there() -> list[str]:
        side = ReadSide(Outbox(default_runtime()), None)
        transport = Transport()
        side.transport, side.is_open = transport, True  # type: ignore[assignment]
        for step in (side.pause_reading, side.pause_reading, side.resume_reading):
            step()
        assert transport.calls == ["pause"]
        side.resume_reading()
        side.resume_reading()
        return transport.calls

    assert on_loop(there) == ["pause", "resume"]


@pytest.mark.parametrize("length", [0, 123])
def test_a_close_frame_of_the_longest_reason_completes_the_close_of_the_server(
    server: Any, raw: Raw, monkeypatch: pytest.MonkeyPatch, length: int
):
    monkeypatch.setattr(connection_module, "CLOSE_TIMEOUT", 60.0)
    wire = raw(server)
    FX.CloseWebSocketConnection(http_server=server, channel_id=0, code=4000) | run
    assert wire.read_close().code == 4000
    wire.send(frame("dropped"), frame((4000).to_bytes(2, "big") + b"r" * length, CLOSE))
    wire.socket.settimeout(30)
    assert wire.read_end() == b""


# Unfinished messages


class Reader:
    def __init__(self, max_size: int = 1 << 20) -> None:
        self.max_size, self.is_open, self.is_queued = max_size, True, False
        self.calls: list[str] = []

    def pause_reading(self) -> None:
        self.calls.append("pause")

    def resume_reading(self) -> None:
        self.calls.append("resume")

    def close_stalled(self, reason: str) -> None:
        self.calls.append("close")


def messages(limit: int) -> Unfinished:
    made = Unfinished(default_runtime())
    made._account.limit = limit
    made._is_ticking = True  # the test calls it
    return made


@pytest.mark.parametrize(("grows", "seconds", "closed"), [(0, 2.0, False), (0, 2.1, True), (1, 2.1, False)])
def test_a_message_stalls_when_it_grows_by_less_than_64_kib_in_more_than_two_seconds(
    grows: int, seconds: float, closed: bool, monkeypatch: pytest.MonkeyPatch
):
    clock = Clock()
    monkeypatch.setattr(unfinished, "time", clock)

    def there() -> list[str]:
        made = messages(4 * PROGRESS)
        stalled, waits, exempt = Reader(), Reader(), Reader()
        made.set_size(stalled, PROGRESS)
        for other in (exempt, waits):
            made.set_size(other, 4 * PROGRESS)
        clock.now += 1.5
        made.set_size(stalled, 2 * PROGRESS - 1 + grows)
        clock.now += seconds - 1.5
        made._tick()
        for each in (waits, exempt, stalled):
            made.set_size(each, 0)
        assert made._account.held == 0
        return stalled.calls

    assert on_loop(there) == ["close"] * closed


@pytest.mark.parametrize(("limit", "waits"), [(300, False), (299, True)])
def test_a_waiting_client_is_read_when_its_longest_message_just_fits(limit: int, waits: bool):
    def there() -> bool:
        made = messages(limit)
        holder, exempt, third = Reader(limit), Reader(limit), Reader(200)
        made.set_size(holder, limit)
        made.set_size(exempt, limit)
        made.set_size(third, 1)
        assert (made._exempt, third.calls) == (exempt, ["pause"])
        made.set_size(holder, 100)
        answer = third.calls == ["pause"]
        for each in (exempt, holder, third):
            made.set_size(each, 0)
        assert made._account.held == 0
        return answer

    assert on_loop(there) is waits


@pytest.mark.parametrize(("size", "trims"), [(16 << 20, False), ((16 << 20) + 1, True)])
def test_freed_memory_is_returned_to_the_system_when_more_than_16_mib_were_held(size: int, trims: bool):
    def there() -> bool:
        made = messages(64 << 20)
        calls: list[Any] = []
        made._loop = type("Loop", (), {"call_later": lambda self, *given: calls.append(given)})()  # type: ignore
        made.set_size(reader := Reader(), size)
        made.set_size(reader, 0)
        return bool(calls)

    assert on_loop(there) is trims


def test_the_outbox_learns_when_waiting_messages_use_up_their_budget_and_when_they_no_longer_do():
    def there() -> list[bool]:
        made, changes = Waiting(default_runtime()), []
        made._account.limit = 100
        made.on_change = lambda: changes.append(made.is_full)
        first, second = Reader(), Reader()
        for connection, size in [(first, 99), (second, 1), (first, 150), (first, 98), (second, 0), (first, 0)]:
            made.set_size(connection, size)
        return changes

    assert on_loop(there) == [True, False]
