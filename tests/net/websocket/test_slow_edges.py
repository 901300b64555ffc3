"""The limits for a slow client, each at the limit and one byte, or one moment, beyond it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.clock import Clock
from tests.net.conftest import inside, on_loop
from zefnb import ET, FX, run
from zefnb.engine.runtime import default_runtime
from zefnb.net.websocket import connection as connection_module
from zefnb.net.websocket import slow_clients
from zefnb.net.websocket.backlog import Backlog
from zefnb.net.websocket.outbox import Outbox
from zefnb.net.websocket.packer import Packing
from zefnb.net.websocket.slow_client import Policy, SlowClient
from zefnb.net.websocket.slow_clients import SlowClients
from zefnb.net.websocket.write_side import WriteSide

LIMIT = 1_000


class Transport:
    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0


class Stuck(WriteSide):
    """A connection whose transport accepts nothing more."""

    def __init__(self, policy: Policy) -> None:
        super().__init__(Outbox(default_runtime()))
        self.transport: Any = Transport()
        self.is_open = True
        self.slow_client = SlowClient(policy, max_bytes=LIMIT)
        self.reasons: list[str] = []
        self.pause_writing()

    def close_slow(self, reason: str) -> None:
        self.reasons.append(reason)


def stuck(policy: Policy, *sizes: int, control: int = 0) -> Stuck:
    """A connection for which messages of these sizes wait, and then a control frame."""

    def there() -> Stuck:
        connection = Stuck(policy)
        for size in sizes:
            connection.write(b"x" * size, 1)
        if control:
            connection.write_control(b"c" * control)
        return connection

    made: Stuck = on_loop(there)
    return made


@pytest.mark.parametrize(("sizes", "is_closed"), [((LIMIT,), False), ((400, 600), False), ((400, 601), True)])
def test_a_client_is_closed_when_one_byte_more_than_the_limit_waits(sizes: tuple[int, ...], is_closed: bool):
    assert stuck("close", *sizes).reasons == ["more than 1000 bytes behind"] * is_closed


@pytest.mark.parametrize(("last", "dropped"), [(600, 0), (601, 1)])
def test_drop_newest_keeps_messages_up_to_the_limit(last: int, dropped: int):
    connection = stuck("drop_newest", 400, last)
    assert connection.dropped == dropped
    assert connection.queued == (400 if dropped else LIMIT)
    assert not connection.reasons


@pytest.mark.parametrize(("last", "dropped"), [(600, 0), (601, 1)])
def test_drop_oldest_keeps_messages_up_to_the_limit(last: int, dropped: int):
    connection = stuck("drop_oldest", 400, last)
    assert connection.dropped == dropped
    assert connection.queued == (last if dropped else LIMIT)
    assert not connection.reasons


def test_drop_oldest_keeps_one_message_that_is_longer_than_the_limit():
    connection = stuck("drop_oldest", 10, LIMIT + 1)
    assert (connection.dropped, connection.queued, connection.reasons) == (1, LIMIT + 1, [])


def test_control_frames_that_wait_count_for_the_limit_with_every_policy():
    assert not stuck("drop_oldest", LIMIT - 2, control=2).reasons
    assert stuck("drop_oldest", LIMIT - 2, control=3).reasons
    assert not stuck("drop_newest", LIMIT - 2, control=2).reasons
    assert stuck("drop_newest", LIMIT - 2, control=3).reasons


@pytest.mark.parametrize(("size", "pauses"), [(LIMIT // 4, False), (LIMIT // 4 + 1, True)])
def test_publishers_are_paused_when_one_byte_more_waits(size: int, pauses: bool, monkeypatch: pytest.MonkeyPatch):
    calls: list[Any] = []
    monkeypatch.setattr(SlowClients, "pause_for_backlog", lambda self, backlog: calls.append(backlog))
    stuck("close", size)
    assert bool(calls) is pauses


def test_a_message_that_waits_to_be_packed_counts_as_one_message():
    def there() -> Stuck:
        connection = Stuck("close")
        connection.send_packing(Packing(1, b"x" * 100, 15))
        connection.drop_queued()
        return connection

    connection = on_loop(there)
    assert (connection.sent, connection.dropped) == (1, 1)


@pytest.mark.parametrize("has_backlog", [False, True])
def test_a_client_that_does_not_complete_the_close_is_cut(
    serve: Any, topic: Any, raw: Any, until: Any, has_backlog: bool, monkeypatch: pytest.MonkeyPatch
):
    short, long = ("SLOW_CLOSE_TIMEOUT", "CLOSE_TIMEOUT") if has_backlog else ("CLOSE_TIMEOUT", "SLOW_CLOSE_TIMEOUT")
    monkeypatch.setattr(connection_module, short, 0.1)
    monkeypatch.setattr(connection_module, long, 3_600.0)
    # It is not closed as slow, however long the test takes.
    patient = ET.SlowClient(max_bytes=1 << 30, max_seconds=3_600)
    server = serve({"/ws": ET.WebSocket(clients_subscribe_to=[topic], slow_client=patient)})
    raw(server, receive_buffer=4_096)
    (connection,) = on_loop(inside(server).clients)
    if has_backlog:
        on_loop(lambda: [connection.deliver("x" * 65_536) for _ in range(200)])
        until(lambda: connection.backlog is not None)
    FX.CloseWebSocketConnection(http_server=server, channel_id=0, code=4000) | run
    until(lambda: not inside(server)._connections)


# Each check of all slow clients


class Client:
    """A client that has taken nothing for `stalled` seconds, with so many bytes in its backlog."""

    is_open = True
    bytes_delivered = 0

    def __init__(self, size: int, stalled: float, now: float, has_read: bool, **allowed: Any) -> None:
        self.slow_client, self.longest = SlowClient(**allowed), 0
        self.reasons: list[str] = []
        self.backlog = Backlog(has_read)
        self.backlog.put(b"x" * size, 1)
        self.backlog.record_progress(0, now - stalled)

    @property
    def queued(self) -> int:
        return self.backlog.bytes

    def close_slow(self, reason: str) -> None:
        self.reasons.append(reason)

    def abort_long(self) -> None:
        pass


def checked(
    monkeypatch: pytest.MonkeyPatch, size: int, stalled: float, has_read: bool = True, **allowed: Any
) -> tuple[list[str], bool]:
    """The reasons for which the client is closed, and whether publishers are paused."""
    clock = Clock()
    monkeypatch.setattr(slow_clients, "time", clock)

    def there() -> tuple[list[str], bool]:
        watched = SlowClients(default_runtime())
        client = Client(size, stalled, clock.now, has_read, **allowed)
        watched._ticking = True  # the test calls it
        watched.watch(client)
        watched._tick()
        result = client.reasons, watched.is_pausing
        watched.forget(client)
        watched._set_pausing(False)
        return result

    answer: tuple[list[str], bool] = on_loop(there)
    return answer


@pytest.mark.parametrize(
    ("size", "seconds", "is_closed"),
    [(1 << 20, 5.5, False), ((1 << 20) + 1, 5.0, False), ((1 << 20) + 1, 5.5, True)],
)
def test_a_client_that_takes_nothing_is_closed_after_the_time_and_with_one_byte_more(
    size: int, seconds: float, is_closed: bool, monkeypatch: pytest.MonkeyPatch
):
    assert checked(monkeypatch, size, seconds)[0] == ["not reading for 5 s"] * is_closed


@pytest.mark.parametrize(("more", "is_closed"), [(0, False), (1, True)])
def test_a_client_that_takes_nothing_now_is_closed_with_one_byte_more_than_its_limit(
    more: int, is_closed: bool, monkeypatch: pytest.MonkeyPatch
):
    reasons, _ = checked(monkeypatch, (4 << 20) + more, 2.0)
    assert reasons == ["not reading and more than 4 MiB behind"] * is_closed


@pytest.mark.parametrize(
    ("size", "stalled", "has_read", "pauses"),
    [
        (256 << 10, 0.0, True, False),
        ((256 << 10) + 1, 0.0, True, True),
        ((256 << 10) + 1, 0.75, True, True),
        ((256 << 10) + 1, 1.0, True, False),
        ((256 << 10) + 1, 0.125, False, True),
        ((256 << 10) + 1, 0.25, False, False),
    ],
)
def test_publishers_wait_for_a_client_that_reads_and_has_one_byte_more_than_the_limit(
    size: int, stalled: float, has_read: bool, pauses: bool, monkeypatch: pytest.MonkeyPatch
):
    assert checked(monkeypatch, size, stalled, has_read) == ([], pauses)


def test_publishers_do_not_wait_for_a_client_whose_messages_are_dropped(monkeypatch: pytest.MonkeyPatch):
    assert checked(monkeypatch, 1 << 19, 0.0, policy="drop_oldest") == ([], False)
