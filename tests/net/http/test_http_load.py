"""HTTP clients that only take: clients that do not read, that have left, that send without end, that wait."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from typing import Any

import pytest

from tests.net.conftest import journal, peak_memory
from tests.net.wire import Wire, frame, handshake
from zefnb import ET, FX, run, zef_function
from zefnb.engine.runtime import default_runtime
from zefnb.net import read_scheduler
from zefnb.net.budget import Account, Budget, Share
from zefnb.net.http import body, guard, response_progress, thread_share
from zefnb.net.http.body import read_body
from zefnb.net.http.response import Refusal
from zefnb.net.http.thread_share import ThreadShare

MEBIBYTE = 1 << 20


def request(path: str = "/", *lines: str, method: str = "POST", body: bytes = b"") -> bytes:
    head = [f"{method} {path} HTTP/1.1", "Host: localhost", *lines]
    return "\r\n".join([*head, *([f"Content-Length: {len(body)}"] if body else []), "", ""]).encode() + body


@pytest.fixture
def gate() -> Any:
    """The event for which handlers wait."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def waits(gate: threading.Event) -> Any:
    @zef_function
    def waits(request: Any) -> Any:
        gate.wait(30)
        return "at last"

    return waits


@zef_function
def told(request: Any) -> Any:
    return f"{len(request.body)}"


@zef_function
def big(request: Any) -> Any:
    return b"x" * (6 * MEBIBYTE)


@pytest.fixture
def budget() -> Budget:
    return default_runtime().service(Budget)


def test_a_client_that_reads_nothing_of_a_response_is_cut_and_a_slow_one_is_kept(
    serve: Any, raw: Any, until: Any, budget: Budget, monkeypatch: pytest.MonkeyPatch
):
    # The slow one begins to read within this time, also on a busy machine.
    monkeypatch.setattr(response_progress, "RESPONSE_PROGRESS_TIMEOUT", 4.0)
    server = serve({("POST", "/"): big})
    # So little fits into the kernels' buffers that what is taken is seen soon.
    stuck, slow = (raw(server, None, receive_buffer=4_096) for _ in range(2))
    stuck.send(request())
    slow.send(request())
    until(lambda: budget.responses.held == 12 * MEBIBYTE)
    taken = 0
    while budget.responses.held == 12 * MEBIBYTE:
        taken += len(slow.socket.recv(65_536))
    status, _, body = slow.read_response() if not taken else (200, {}, b"x" * taken)
    while taken < 6 * MEBIBYTE:
        taken += len(slow.socket.recv(65_536))
    assert (status, body[:1]) == (200, b"x")
    until(lambda: budget.responses.held == 0)
    assert [e for e in FX.QueryLog(level="info") | run if "read nothing of its response" in e["message"]]
    assert journal("warning") == []


def test_when_unread_responses_use_much_memory_a_client_that_reads_nothing_is_cut_sooner(
    serve: Any, raw: Any, until: Any, budget: Budget, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(response_progress, "SCARCE_PROGRESS_TIMEOUT", 0.5)
    monkeypatch.setattr(response_progress, "RESPONSE_PROGRESS_TIMEOUT", 3_600.0)
    monkeypatch.setattr(budget.responses, "limit", 20 * MEBIBYTE)
    stuck = raw(serve({("POST", "/"): big}), None, receive_buffer=4_096)
    stuck.send(request())
    assert stuck.read_head()[0] == 200
    until(lambda: budget.responses.held == 0)
    assert journal("warning") == []


def test_responses_over_the_budget_are_refused_and_those_of_routes_count_once(serve: Any, raw: Any, budget: Any):
    budget.responses.limit, before = 10 * MEBIBYTE, budget.responses.limit
    try:
        server = serve({("POST", "/"): big, "/text": "x" * (6 * MEBIBYTE)})
        stuck = [raw(server, None, receive_buffer=4_096) for _ in range(3)]
        stuck[0].send(request())
        assert stuck[0].read_head()[0] == 200
        stuck[1].send(request())
        status, headers, _ = stuck[1].read_response()
        assert (status, headers["retry-after"]) == (503, "1")
        stuck[2].send(request("/text", method="GET"))
        assert stuck[2].read_head()[0] == 200
    finally:
        budget.responses.limit = before


def test_a_response_larger_than_the_budget_is_sent_alone(serve: Any, raw: Any, budget: Any, until: Any):
    budget.responses.limit, before = MEBIBYTE, budget.responses.limit
    try:
        wire = raw(serve({("POST", "/"): big}), None)
        for _ in range(2):
            wire.send(request())
            assert len(wire.read_response()[2]) == 6 * MEBIBYTE
            until(lambda: budget.responses.held == 0)
    finally:
        budget.responses.limit = before


def test_pipelined_bytes_that_are_not_read_yet_count_with_the_bodies(
    serve: Any, raw: Any, until: Any, budget: Budget, waits: Any, gate: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(guard, "HEAD_TIMEOUT", 60.0)
    server = serve({("POST", "/wait"): waits, ("POST", "/"): told, "/": "up"})
    behind, head, short = (raw(server, None) for _ in range(3))
    behind.send(request("/wait") + request("/", method="GET") * 300)
    head.send(request("/", "x: " + "y" * 10_000)[:-4])
    short.send(request("/", "x: " + "y" * 3_000)[:-4])
    size = 300 * len(request("/", method="GET")) + len(request("/", "x: " + "y" * 10_000)[:-4])
    until(lambda: budget.bodies.held == size)
    gate.set()
    assert behind.read_response()[2] == b"at last"
    assert [behind.read_response()[2] for _ in range(300)] == [b"up"] * 300
    head.send(b"\r\n\r\n")
    assert head.read_response()[2] == b"0"
    until(lambda: budget.bodies.held == 0)


@pytest.mark.parametrize(("value", "is_late"), [(told, False), ("up", True)], ids=["body", "late"])
def test_a_client_that_sends_requests_without_end_is_not_read_while_some_wait(
    serve: Any, raw: Any, budget: Budget, monkeypatch: pytest.MonkeyPatch, value: Any, is_late: bool
):
    if is_late:  # the end of a request is then parsed after its response
        monkeypatch.setattr(read_scheduler, "ITERATION_BUDGET", 0.0)
        monkeypatch.setattr(read_scheduler, "CONNECTION_BUDGET", 0.0)
    wire = raw(serve({"/": value}), None)
    block, held, is_enough = request("/", method="GET") * 5_000, [0], threading.Event()

    def send() -> None:
        with contextlib.suppress(OSError):
            while not is_enough.is_set():
                wire.send(block)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        for _ in range(100):
            assert wire.read_response()[0] == 200
            held.append(budget.bodies.held)
    finally:
        is_enough.set()
        wire.socket.shutdown(socket.SHUT_RDWR)  # ends a `send` that waits
        sender.join()
    assert max(held) < MEBIBYTE  # a read has 256 KiB at most


def test_a_client_that_disconnects_or_is_refused_releases_its_memory(serve: Any, raw: Any, until: Any, budget: Budget):
    server = serve({("POST", "/"): told})
    budget.bodies.limit, before = 20_000, budget.bodies.limit
    try:
        unfinished = request("/", "x: " + "y" * 9_000)[:-4]
        fits, fills, beyond = (raw(server, None) for _ in range(3))
        fits.send(unfinished)
        until(lambda: budget.bodies.held == len(unfinished))
        # To the byte: as much as may be held, and one byte that may not.
        fills.send(unfinished + b"y" * (20_000 - 2 * len(unfinished)))
        until(lambda: budget.bodies.held == 20_000)
        beyond.send(unfinished)
        assert beyond.read_response()[0] == 503
        fills.send(b"y")
        assert fills.read_response()[0] == 503
        fits.close()
        until(lambda: budget.bodies.held == 0)
    finally:
        budget.bodies.limit = before


def test_frames_behind_a_handshake_do_not_count_as_a_request_that_waits(
    serve: Any, raw: Any, topic: Any, budget: Budget, until: Any
):
    socket = ET.WebSocket(clients_subscribe_to=[topic], clients_push_into_=[topic], subprotocols=["x"])
    server = serve({"/ws": socket})
    wire = raw(server, None)
    wire.send(handshake(Sec_WebSocket_Protocol="x"), frame("a" * 1_000) * 20)
    assert wire.read_head()[0] == 101
    for _ in range(20):
        assert wire.read().payload == b"a" * 1_000
    wire.close()
    until(lambda: budget.bodies.held == 0)


def test_a_body_whose_bytes_wait_to_be_parsed_has_not_stalled(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(body, "BODY_PROGRESS_TIMEOUT", 0.01)
    arrived, has_ended = [True], asyncio.Event()

    async def receive() -> Any:
        await has_ended.wait()
        return {"type": "http.request", "body": b"told", "more_body": False}

    async def there(share: Share) -> list[Any]:
        waiting = asyncio.create_task(read_body(receive, 4, 1 << 20, False, share, lambda: bool(arrived)))
        await asyncio.wait([waiting], timeout=0.05)
        is_waiting = not waiting.done()
        has_ended.set()
        found = [is_waiting, await waiting]
        has_ended.clear()
        arrived.clear()
        with pytest.raises(Refusal) as refused:
            await read_body(receive, 4, 1 << 20, False, share, lambda: bool(arrived))
        return [*found, refused.value.status]

    with Share(Account(1 << 20)) as share:
        assert asyncio.run(there(share), debug=False) == [True, b"told", 408]


def test_a_body_in_tiny_pieces_uses_as_much_memory_as_its_bytes():
    count = 8_000
    crumbs = iter(range(count))

    async def receive() -> Any:
        await asyncio.sleep(0)
        number = next(crumbs)
        return {"type": "http.request", "body": b"%03d" % (number % 1_000), "more_body": number < count - 1}

    account = Account(1 << 20)
    with Share(account) as held, peak_memory() as peak:
        body = asyncio.run(read_body(receive, 0, 1 << 20, False, held, lambda: False), debug=False)
        grown = peak()
    assert len(body) == 3 * count
    assert grown < 8 * len(body)


@pytest.mark.parametrize(("surplus", "expected"), [(-1, 200), (0, 200), (1, 503)])
def test_all_bodies_together_have_a_limit(
    serve: Any, raw: Any, budget: Any, waits: Any, until: Any, surplus: int, expected: int
):
    # A server that starts raises the limit to what its longest body needs.
    server = serve({("POST", "/wait"): waits, ("POST", "/"): told})
    budget.bodies.limit, before = 3_000, budget.bodies.limit
    try:
        raw(server, None).send(request("/wait", body=b"x" * 2_000))
        until(lambda: budget.bodies.held == 2_000)
        wire = raw(server, None)
        wire.send(request(body=b"x" * (1_000 + surplus)))
        assert wire.read_response()[0] == expected
        until(lambda: budget.bodies.held == 2_000)
    finally:
        budget.bodies.limit = before


def test_text_that_needs_more_memory_as_characters_counts_more(
    serve: Any, raw: Any, budget: Any, waits: Any, until: Any
):
    raw(serve({("POST", "/"): waits}), None).send(request(body="ü".encode() * 100))
    until(lambda: budget.bodies.held == 1_000)


def test_a_request_of_a_disconnected_client_is_not_handled_and_its_body_is_released(
    serve: Any, raw: Any, gate: Any, waits: Any, budget: Any, until: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(thread_share, "ONE_HANDLER_THREADS", 1)
    handled: list[str] = []

    @zef_function
    def counts(request: Any) -> Any:
        handled.append(request.body)
        gate.wait(30)
        return "ok"

    server = serve({("POST", "/"): counts})
    first, second, third = (raw(server, None) for _ in range(3))
    first.send(request(body=b"first"))
    until(lambda: handled == ["first"])
    second.send(request(body=b"second"))
    until(lambda: budget.bodies.held == len("firstsecond"))
    third.send(request(body=b"third"))
    until(lambda: budget.bodies.held == len("firstsecondthird"))
    second.close()
    until(lambda: budget.bodies.held == len("firstthird"))
    gate.set()
    assert third.read_response()[0] == 200
    assert handled == ["first", "third"]
    until(lambda: budget.bodies.held == 0)


def test_a_rest_that_drips_is_cut(serve: Any, raw: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(guard, "REST_TIMEOUT", 0.5)
    wire = raw(serve({"/": "up"}), None)
    wire.send(request("/", "Content-Length: 1000", method="GET"))
    assert wire.read_response()[0] == 200
    wire.socket.settimeout(0.02)
    for _ in range(900):
        wire.send(b"x")
        with contextlib.suppress(TimeoutError):
            assert wire.socket.recv(1) == b""
            return
    pytest.fail("nobody minds")


@pytest.mark.parametrize(("surplus", "goes_on"), [(-1, True), (0, True), (1, False)])
def test_a_rest_has_a_limit(serve: Any, raw: Any, monkeypatch: pytest.MonkeyPatch, surplus: int, goes_on: bool):
    monkeypatch.setattr(guard, "REST_LIMIT", 1_000)
    wire = raw(serve({"/": "up"}), None)
    wire.send(request("/", f"Content-Length: {1_000 + surplus}", method="GET"))
    assert wire.read_response()[0] == 200
    wire.send(b"x" * (1_000 + surplus))
    if goes_on:
        wire.send(request("/", method="GET"))
        assert wire.read_response()[::2] == (200, b"up")
    else:
        assert wire.read_end() == b""


def test_a_waiting_handler_leaves_threads_for_others_and_the_journal_names_it(
    serve: Any, raw: Any, gate: Any, waits: Any, until: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(thread_share, "HTTP_THREADS", 4)
    monkeypatch.setattr(thread_share, "ONE_HANDLER_THREADS", 3)
    # Long enough for all seven requests to reach a busy machine before the report.
    monkeypatch.setattr("zefnb.engine.thread_share._REPORT_AFTER", 1.0)
    server = serve({("POST", "/wait"): waits, ("POST", "/"): told})
    polls = [raw(server, None) for _ in range(7)]
    for wire in polls:
        wire.send(request("/wait"))
    other: Wire = raw(server, None)
    for _ in range(3):
        other.send(request(body=b"abc"))
        assert other.read_response()[2] == b"3"
    lines = until(lambda: [e for e in journal("warning") if "wait for a thread" in e["message"]])
    assert len(lines) == 1
    assert "waits (4). Held by: " in lines[0]["message"]
    assert "waits (3)" in lines[0]["message"]
    gate.set()
    assert [wire.read_response()[2] for wire in polls] == [b"at last"] * 7
    share = default_runtime().service(ThreadShare)
    until(lambda: share._total == 0 and not share._waiting and not share._running)


def test_a_long_form_is_read_in_a_thread(serve: Any, raw: Any):
    where: list[str] = []

    @zef_function
    async def form(request: Any) -> Any:
        where.append(threading.current_thread().name)
        return str(len(request.form_data["a"]))

    wire = raw(serve({("POST", "/"): form}), None)
    kind = "Content-Type: application/x-www-form-urlencoded"
    for count in (3, 100_000):
        wire.send(request("/", kind, body=b"a=" + b"%41" * count))
        assert wire.read_response()[2] == b"%d" % count
    assert where == ["zefnb", "zefnb"]
