"""The limits of HTTP, each at the limit and one byte, or one moment, beyond it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from typing import Any

import h11
import pytest

from tests.net.conftest import inside, on_loop
from tests.net.wire import KEY, Wire
from zefnb.engine.runtime import default_runtime
from zefnb.net.budget import Account, Budget, Share
from zefnb.net.hosts import split_host
from zefnb.net.http import acceptor as acceptor_module
from zefnb.net.http import body, guard, lingering_close, response_progress, thread_share
from zefnb.net.http.admission import Admission, is_same_origin
from zefnb.net.http.handshake import read_plain
from zefnb.net.http.proxies import Proxies
from zefnb.net.http.request_head import RequestHead
from zefnb.net.http.response import Refusal
from zefnb.net.http.response_progress import ResponseProgress
from zefnb.net.http.strict import TRAILERS_LIMIT, StrictConnection
from zefnb.net.http.thread_share import ThreadShare

Raw = Callable[..., Wire]
STEP = 4_096
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST /missing HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"


@pytest.fixture
def server(serve: Any) -> Any:
    return serve({"/": "hello"})


# Bytes that wait to be read


def test_bytes_of_a_head_count_from_4_kib_on(server: Any, raw: Raw, until: Any):
    account = default_runtime().service(Budget).bodies
    wire = raw(server, None)
    start = b"GET / HTTP/1.1\r\nHost: localhost\r\nx: "
    wire.send(start.ljust(STEP - 1, b"y"))
    connections = inside(server)._state.connections
    [http] = until(lambda: on_loop(lambda: [each for each in connections if isinstance(each, guard.GuardedHTTP)]))
    until(lambda: http.conn.unread_bytes == STEP - 1)
    assert account.held == 0
    wire.send(b"y")
    until(lambda: http.conn.unread_bytes == STEP)
    assert on_loop(lambda: account.held) == STEP
    wire.send(b"\r\n\r\n")
    assert wire.read_response()[2] == b"hello"
    assert on_loop(lambda: account.held) == 0


def test_a_client_whose_unread_bytes_do_not_fit_gets_503_with_the_reason(
    server: Any, raw: Raw, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(default_runtime().service(Budget).bodies, "limit", STEP)
    head = b"GET / HTTP/1.1\r\nHost: localhost\r\nx: "
    fits, beyond = raw(server, None), raw(server, None)
    fits.send(head.ljust(STEP - 4, b"y") + b"\r\n\r\n")
    assert fits.read_response()[0] == 200
    beyond.send(head.ljust(STEP + 1, b"y"))
    status, headers, text = beyond.read_response()
    assert (status, headers["connection"]) == (503, "close")
    assert b"too many requests wait to be read" in text


@pytest.mark.parametrize(("length", "is_kept"), [(1_000, True), (1_001, False)])
def test_a_body_behind_its_response_is_read_up_to_the_limit(
    server: Any, raw: Raw, monkeypatch: pytest.MonkeyPatch, length: int, is_kept: bool
):
    monkeypatch.setattr(guard, "REST_LIMIT", 1_000)
    wire = raw(server, None)
    wire.send(POST % length)
    assert wire.read_response()[0] == 404
    wire.send(b"x" * length)
    if is_kept:
        wire.send(GET)
        assert wire.read_response()[2] == b"hello"
    else:
        assert wire.read_end() == b""


def test_the_bytes_behind_a_response_are_counted_for_each_request_anew():
    connection = StrictConnection()
    for length in (700, 5):
        connection.receive_data(POST % length)
        assert isinstance(connection.next_event(), h11.Request)
        assert connection.rest_bytes == 0
        connection.send(h11.Response(status_code=404, headers=[("content-length", "0")]))
        connection.send(h11.EndOfMessage())
        connection.receive_data(b"x" * length)
        while not isinstance(connection.next_event(), h11.EndOfMessage):
            pass
        assert connection.rest_bytes == length
        connection.start_next_cycle()


@pytest.mark.parametrize("start", [b"0;", b"0\r\nx: "], ids=["the line of a chunk", "trailers"])
def test_as_many_bytes_as_allowed_may_wait_between_the_pieces_of_a_body(start: bytes):
    connection = StrictConnection()
    connection.receive_data(b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
    assert isinstance(connection.next_event(), h11.Request)
    line, _, _ = start.rpartition(b"\n")
    size = TRAILERS_LIMIT + (len(line) + 1 if line else 0)
    connection.receive_data(start.ljust(size, b"y"))
    assert connection.next_event() is h11.NEED_DATA
    assert len(connection.trailing_data[0]) == TRAILERS_LIMIT
    connection.receive_data(b"y")
    with pytest.raises(h11.RemoteProtocolError, match="too much between the pieces") as failed:
        connection.next_event()
    assert failed.value.error_status_hint == 431


# Bodies


def read(parts: list[bytes], monkeypatch: pytest.MonkeyPatch, limit: int = 1 << 20, held: int = 1 << 20) -> Any:
    """What `read_body` returns or raises, the deadline of each part, and the number of parts that it has read."""
    deadlines: list[float] = []
    account = Account(held)

    async def next_part(receive: Any, refusal: Any, give_up_at: float, has_arrived: Any) -> Any:
        number = len(deadlines)
        deadlines.append(give_up_at)
        await asyncio.sleep(0.001)
        return {"body": parts[number], "more_body": number < len(parts) - 1}

    async def there() -> Any:
        try:
            with Share(account) as share:
                return await body.read_body(None, 0, limit, False, share, lambda: False)  # type: ignore[arg-type]
        except Refusal as error:
            return error.status

    monkeypatch.setattr(body, "_next", next_part)
    answer = asyncio.run(there())
    assert account.held == 0
    return answer, deadlines


def test_the_deadline_of_a_body_moves_with_each_4_kib(monkeypatch: pytest.MonkeyPatch):
    parts = [b"x" * (STEP - 1), b"x", b"x" * (STEP - 1), b"x", b""]
    answer, deadlines = read(parts, monkeypatch)
    assert answer == b"".join(parts)
    first, second, third, fourth, fifth = deadlines
    assert first == second < third == fourth < fifth


@pytest.mark.parametrize(("last", "read_parts"), [(0, 4), (1, 3)])
def test_a_refused_body_is_read_up_to_the_limit(last: int, read_parts: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(body, "DISCARD_LIMIT", 100)
    answer, deadlines = read([b"x" * 50, b"x" * 50, b"x" * last, b""], monkeypatch, limit=10)
    assert (answer, len(deadlines)) == (413, read_parts)


@pytest.mark.parametrize(
    ("content", "held", "fits"),
    [(b"x" * 10, 10, True), (b"x" * 10, 9, False), (b"\xff" * 10, 50, True), (b"\xff" * 10, 49, False)],
)
def test_a_text_with_other_characters_than_ascii_counts_four_bytes_more_for_each(
    content: bytes, held: int, fits: bool, monkeypatch: pytest.MonkeyPatch
):
    assert read([content], monkeypatch, held=held)[0] == (content if fits else 503)


# Threads


@pytest.mark.parametrize(("total", "one", "started"), [(3, 9, [3, 0]), (9, 2, [2, 2]), (3, 2, [2, 1])])
def test_handlers_use_as_many_threads_as_their_shares_allow(
    total: int, one: int, started: list[int], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(thread_share, "HTTP_THREADS", total)
    monkeypatch.setattr(thread_share, "ONE_HANDLER_THREADS", one)

    async def there() -> list[int]:
        share = ThreadShare(default_runtime())
        tasks = [asyncio.ensure_future(share._acquire(name, lambda slot: None)) for name in ["a"] * 4 + ["b"] * 4]
        await asyncio.sleep(0)
        answer = [share._running[name] for name in "ab"]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # Those that were waiting are forgotten, and the timer of the report has ended.
        assert (share._waiting, share._report_timer) == ({}, None)
        return answer

    assert on_loop(there) == started


# Peers that read nothing


class Loop:
    """A loop whose time the test sets; it has at most one timer."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timer: Any = None

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, call: Any, *args: Any) -> Any:
        self.timer = lambda: call(*args)
        return self

    def cancel(self) -> None:
        self.timer = None


class Transport:
    """A transport with bytes that wait, and what is done to it."""

    def __init__(self) -> None:
        self.waiting = 1_000
        self.calls: list[str] = []

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def abort(self) -> None:
        self.calls.append("abort")


@pytest.mark.parametrize(("is_scarce", "timeout"), [(False, 20.0), (True, 8.0)])
def test_a_peer_that_reads_nothing_of_its_response_is_cut_after_the_time_and_not_before(
    is_scarce: bool, timeout: float, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(response_progress, "unsent_bytes", lambda transport: 0)
    loop, transport, connection = Loop(), Transport(), StrictConnection()
    connection.sent_bytes = 5_000
    stalled: list[float] = []
    progress = ResponseProgress(loop, transport, connection)  # type: ignore[arg-type]
    progress.watch(lambda: is_scarce, stalled.append)
    for now, waiting, expected in [
        (timeout, 1_000, []),
        (timeout + 1, 999, []),  # it has read a byte
        (2 * timeout + 1, 999, []),
        (2 * timeout + 1.25, 999, [timeout]),
    ]:
        loop.now, transport.waiting = now, waiting
        loop.timer()
        assert stalled == expected


@pytest.mark.parametrize(("more", "calls"), [(0, []), (1, ["abort"])])
def test_a_closed_connection_reads_16_mib_at_most(more: int, calls: list[str]):
    transport = Transport()

    async def there() -> None:
        closing = lingering_close._LingeringClose(transport, asyncio.get_running_loop(), lambda error: None)  # type: ignore[arg-type]
        closing.data_received(b"x" * (lingering_close._BYTES_LIMIT - 10))
        closing.data_received(b"x" * (10 + more))
        closing._timer.cancel()

    asyncio.run(there())
    assert transport.calls == calls


def test_a_closed_connection_that_stays_open_is_cut(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lingering_close, "_SECONDS", 0.01)
    transport = Transport()

    async def there() -> None:
        lingering_close._LingeringClose(transport, asyncio.get_running_loop(), lambda error: None)  # type: ignore[arg-type]
        async with asyncio.timeout(20):
            while not transport.calls:
                await asyncio.sleep(0.005)

    asyncio.run(there())
    assert transport.calls == ["abort"]


# Connections


@pytest.fixture
def acceptor(server: Any) -> Any:
    return inside(server)._acceptor


@pytest.fixture
def pairs() -> Iterator[list[tuple[socket.socket, socket.socket]]]:
    made = [socket.socketpair() for _ in range(acceptor_module._MOST_LINGERING + 1)]
    yield made
    for ends in made:
        for end in ends:
            end.close()


def test_eight_refused_connections_stay_open_for_a_moment_and_the_next_one_closes_the_oldest(
    acceptor: Any, pairs: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(acceptor_module, "_LINGER_TIMEOUT", 3_600.0)
    for number, (ours, _) in enumerate(pairs, 1):
        on_loop(lambda ours=ours: acceptor._refuse(ours))
        assert len(acceptor._lingering) == len(acceptor._timers) == min(number, 8)
    assert [ours.fileno() < 0 for ours, _ in pairs] == [True] + [False] * 8
    assert all(theirs.recv(4_096).startswith(b"HTTP/1.1 503 ") for _, theirs in pairs)


@pytest.mark.parametrize(("open_count", "descriptor", "reason"), [
    (9, 99, None),
    (10, 99, "10 clients are connected"),
    (9, 100, "nearly all descriptors of 128"),
])  # fmt: skip
def test_a_connection_is_refused_from_the_limits_on(
    acceptor: Any, open_count: int, descriptor: int, reason: str | None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(acceptor, "_max_connections", 10)
    monkeypatch.setattr(acceptor, "_open_count", lambda: open_count)
    found = acceptor._reason_full(descriptor, 100, 128)
    assert found is None if reason is None else reason in found


# Names, ports and handshakes


def test_a_port_is_at_most_65535():
    assert split_host("a.example:65535") == ("a.example", 65_535)
    assert split_host("a.example:65536") == ("", None)


def test_an_origin_without_port_has_the_default_port_of_its_scheme():
    admission = Admission(["plain.example:80", "safe.example:443"])
    given = [f"{scheme}://{name}.example" for name in ("plain", "safe") for scheme in ("http", "https")]
    assert [admission.origin_fits(origin) for origin in given] == [True, False, False, True]
    for scheme, port in {"http": 80, "https": 443, "ws": 80, "wss": 443}.items():
        assert is_same_origin(f"{scheme}://a.example:{port}", f"{scheme}://a.example")
        assert not is_same_origin(f"{scheme}://a.example:{port + 1}", f"{scheme}://a.example")


@pytest.mark.parametrize(("length", "prefix"), [(1_000, "/" + "p" * 999), (1_001, "")])
def test_a_forwarded_prefix_has_1000_characters_at_most(length: int, prefix: str):
    headers = {"x-forwarded-prefix": ("/" + "p" * (length - 1),)}
    head = RequestHead("GET", "/", "", headers, "10.0.0.1", False, False)
    assert Proxies(["10.0.0.1"]).original(head).prefix == prefix


@pytest.mark.parametrize(("hops", "client"), [(49, "203.0.113.9"), (50, "10.0.0.1")])
def test_as_many_hops_as_the_limit_are_followed_and_no_further_one(hops: int, client: str):
    headers = {"x-forwarded-for": (", ".join(["203.0.113.9", *["10.0.0.1"] * hops]),)}
    head = RequestHead("GET", "/", "", headers, "10.0.0.2", False, False)
    assert Proxies(["10.0.0.0/8"]).original(head).client_ip == client


def plain_handshake(size: int, fields: int) -> bytes:
    lines = ["Host: localhost", "Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Key: {KEY}"]
    lines += ["Sec-WebSocket-Version: 13", *(f"x-{n}: y" for n in range(fields - 6))]
    head = "\r\n".join(["GET /ws HTTP/1.1", *lines, "z: "]).encode()
    return head.ljust(size - 4, b"z") + b"\r\n\r\n"


@pytest.mark.parametrize(
    ("size", "fields", "is_plain"), [(8_000, 6, True), (8_001, 6, False), (8_000, 100, True), (8_000, 101, False)]
)
def test_longer_handshakes_are_left_to_the_libraries(size: int, fields: int, is_plain: bool):
    handshake = plain_handshake(size, fields)
    assert len(handshake) == size
    assert (read_plain(handshake) is not None) is is_plain
