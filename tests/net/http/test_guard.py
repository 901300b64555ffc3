"""The guard: an invalid request is refused soon, and never gets a 101.

Also the contract with uvicorn, whose HTTP class the guard extends by methods that are not public: when one
of the first tests here fails after an update, `zefnb/net/http/guard.py` must be compared with the new class.
"""

from __future__ import annotations

import inspect
import logging
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from threading import Event
from typing import Any

import h11
import pytest
import uvicorn
from h11._readers import ChunkedReader
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from tests.net.conftest import inside, journal
from tests.net.hostile import BAD_HANDSHAKES, GARBAGE
from tests.net.wire import Wire, frame, handshake
from zefnb import ET, FX, run, zef_function
from zefnb.net import read_scheduler
from zefnb.net.http import guard, strict
from zefnb.net.http.guard import GuardedHTTP
from zefnb.net.http.strict import StrictConnection
from zefnb.net.read_scheduler import ReadScheduler

Raw = Callable[..., Wire]
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


@zef_function
def told(request: Any) -> Any:
    return f"{request.method} {request.body}"


@pytest.fixture
def server(serve: Any, topic: Any) -> Any:
    routes = {
        "/": "hello",
        "/told": told,
        ("POST", "/told"): told,
        "/ws": ET.WebSocket(clients_subscribe_to=[topic], clients_push_into_=[topic]),
    }
    return serve(routes)


# The contract


def test_uvicorn_is_of_the_minor_version_that_the_guard_was_written_for():
    assert uvicorn.__version__.split(".")[:2] == ["0", "54"]


def test_uvicorns_class_still_has_the_methods_that_we_override():
    assert list(inspect.signature(H11Protocol).parameters) == ["config", "server_state", "app_state", "_loop"]
    seams = ("handle_websocket_upgrade", "send_400_response", "on_response_complete", "shutdown", "_should_upgrade")
    for seam in (*seams, "_get_upgrade", "_should_upgrade_to_ws", "handle_events", "data_received", "connection_lost"):
        assert inspect.isfunction(getattr(H11Protocol, seam, None)), seam
    assert list(inspect.signature(H11Protocol.handle_websocket_upgrade).parameters) == ["self", "event"]
    assert list(inspect.signature(H11Protocol.send_400_response).parameters) == ["self", "msg"]
    source = inspect.getsource(H11Protocol)
    assert "self.conn.next_event()" in source, "StrictConnection is asked for events through `conn`"
    assert "except h11.RemoteProtocolError" in source, "a refusal is raised as h11's error"
    assert "self._should_upgrade()" in source
    assert "on_response=self.on_response_complete" in source
    assert "default_headers=self.server_state.default_headers" in source, "the Date header comes by this way"


def test_uvicorn_passes_an_upgrade_on_as_we_expect():
    source = textwrap.dedent(inspect.getsource(H11Protocol.handle_websocket_upgrade))
    steps = ["connections.discard", "ws_protocol_class(", "connection_made(", "data_received(", "set_protocol("]
    places = [source.index(step) for step in steps]
    assert places == sorted(places)


def test_the_state_and_the_config_have_the_attributes_that_we_use():
    state = ServerState()
    assert (state.connections, state.tasks, state.default_headers) == (set(), set(), [])
    config = Config(app=lambda: None, http=GuardedHTTP, ws=dict, log_config=None, lifespan="off")  # type: ignore[arg-type]
    config.load()
    assert config.http_protocol_class is GuardedHTTP
    assert config.ws_protocol_class is dict


def test_h11_keeps_received_bytes_and_has_the_states_that_we_read():
    connection = StrictConnection()
    connection.receive_data(GET + b"rest")
    assert connection.their_state is h11.IDLE
    assert isinstance(connection.next_event(), h11.Request)
    assert isinstance(connection.next_event(), h11.EndOfMessage)
    assert connection.trailing_data[0] == b"rest"


def test_h11_reads_chunks_by_a_class_that_can_be_extended():
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
    connection.next_event()
    reader: Any = connection._reader
    assert type(reader) is ChunkedReader
    assert (reader._bytes_in_chunk, reader._bytes_to_discard, reader._reading_trailer) == (0, b"", False)
    assert connection._receive_buffer._data == b""


# What is refused


@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage_is_refused_with_a_reason(server: Any, raw: Raw, garbage: str):
    wire = raw(server, None)
    wire.send(GARBAGE[garbage])
    status, headers, _ = wire.read_response()
    assert 400 <= status < 500
    assert headers["connection"] == "close"
    assert wire.read_end() == b""


@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage_with_an_upgrade_header_is_refused_too(server: Any, raw: Raw, garbage: str):
    wire = raw(server, None)
    head, end, rest = GARBAGE[garbage].partition(b"\r\n\r\n")
    wire.send(
        head.replace(b"POST /told", b"GET /ws"), b"\r\n", handshake().partition(b"localhost\r\n")[2][:-4], end, rest
    )
    assert 400 <= wire.read_response()[0] < 500
    assert wire.read_end() == b""


@pytest.mark.parametrize("fault", BAD_HANDSHAKES)
def test_a_bad_handshake_gets_the_matching_status(server: Any, raw: Raw, fault: str):
    wire = raw(server, None)
    request, expected = BAD_HANDSHAKES[fault]
    wire.send(request)
    status, headers, _ = wire.read_response()
    assert status == expected
    assert "sec-websocket-accept" not in headers


def test_an_upgrade_pipelined_after_a_request_is_refused_after_its_response(server: Any, raw: Raw):
    for requests in (1, 3):
        wire = raw(server, None)
        wire.send(GET * requests, handshake(), frame("smuggled"))
        assert [wire.read_response()[::2] for _ in range(requests)] == [(200, b"hello")] * requests
        assert wire.read_response()[0] == 400
        assert wire.read_end() == b""


def test_an_upgrade_on_a_connection_that_has_served_before_is_fine(server: Any, raw: Raw):
    wire = raw(server, None)
    wire.send(GET)
    assert wire.read_response()[0] == 200
    wire.open("/ws").send(frame("hello"))
    assert wire.read().payload == b"hello"


def test_a_head_without_end_is_refused_within_its_limit(server: Any, raw: Raw):
    wire = raw(server, None)
    wire.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
    sent = 0
    while sent <= strict.HEAD_LIMIT + 1_024 and wire.silent(0.002):
        wire.send(b"X-Filler: " + b"x" * 1_012 + b"\r\n")
        sent += 1_024
    # It sends no more than this before it has its response.
    assert sent <= strict.HEAD_LIMIT + 2_048
    assert wire.read_response()[0] == 431


def test_a_megabyte_of_headers_at_once_still_gets_its_response(server: Any, raw: Raw):
    wire = raw(server, None)
    wire.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n", b"X: y\r\n" * 170_000)
    assert wire.read_response()[0] == 431
    assert wire.read_end() == b""


def test_line_feeds_alone_count_as_line_ends(server: Any, raw: Raw):
    wire = raw(server, None)
    wire.send(b"GET / HTTP/1.1\nHost: localhost\n\n")
    assert wire.read_response()[0] == 200
    wire.send(b"POST /told HTTP/1.1\nHost: localhost\nContent-Length: 4\n\r\na\n b", GET)
    assert wire.read_response()[::2] == (200, b"POST a\n b")
    assert wire.read_response()[0] == 200


def test_a_body_is_not_searched_for_folded_headers(server: Any, raw: Raw):
    wire = raw(server, None)
    body = b"a\r\n b\n\tc"
    wire.send(b"POST /told HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body), body)
    assert wire.read_response()[::2] == (200, b"POST " + body)


def test_a_body_with_an_invalid_chunk_is_refused_while_its_handler_waits(server: Any, raw: Raw, until: Any):
    wire = raw(server, None)
    wire.send(b"POST /told HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
    until(lambda: inside(server)._state.tasks)
    wire.send(b"zzz\r\n")
    assert wire.read_response()[0] == 400
    assert wire.read_end() == b""
    until(lambda: not inside(server)._state.tasks)
    assert journal("warning") == []


@pytest.mark.parametrize("last", [b"HTTP/1.0", b"HTTP/1.1\r\nConnection: close"])
def test_bytes_after_the_last_request_do_not_change_its_response(serve: Any, raw: Raw, last: bytes):
    works, may_answer = Event(), Event()

    @zef_function
    def slow(request: Any) -> Any:
        works.set()
        assert may_answer.wait(20)
        return request.body

    server = serve({("POST", "/"): slow, "/other": "other"})
    wire, other = raw(server, None), raw(server, None)
    wire.send(b"POST / " + last + b"\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello")
    assert works.wait(20)
    wire.send(b"more\r\n\r\n" + GET)
    # Whoever is answered here has sent later: the server has read what follows.
    other.send(GET.replace(b"/ ", b"/other "))
    assert other.read_response()[0] == 200
    may_answer.set()
    assert wire.read_response()[::2] == (200, b"hello")
    assert wire.read_end() == b""


# Who takes too long


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> float:
    """The guard's patience, made short."""
    monkeypatch.setattr(guard, "HEAD_TIMEOUT", 0.6)
    return 0.6


@pytest.mark.parametrize("start", [b"G", b"GET /ws HTTP/1.1\r\nHost: loc", handshake()[:-2]], ids=len)
def test_half_a_handshake_is_cut(quick: float, server: Any, raw: Raw, start: bytes):
    started = time.monotonic()
    wire = raw(server, None)
    wire.send(start)
    assert wire.read_response()[0] == 408
    assert wire.read_end() == b""
    assert quick * 0.9 < time.monotonic() - started < quick + 10


def test_a_client_whose_request_waits_to_be_parsed_is_not_late(
    quick: float, server: Any, raw: Raw, monkeypatch: pytest.MonkeyPatch
):
    def schedule_late(scheduler: Any) -> None:
        scheduler._is_scheduled = True
        scheduler._loop.call_later(4 * quick, scheduler._parse_queued)

    # As on a busy machine: there is no time in this loop iteration, nor in the next ones.
    monkeypatch.setattr(read_scheduler, "ITERATION_BUDGET", -1.0)
    monkeypatch.setattr(ReadScheduler, "_schedule", schedule_late)
    wire = raw(server, None)
    wire.send(b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert wire.read_response()[0] == 404


def test_a_connection_that_sends_nothing_is_cut_without_a_response(quick: float, server: Any, raw: Raw):
    started = time.monotonic()
    wire = raw(server, None)
    assert wire.read_end() == b""
    assert quick * 0.8 < time.monotonic() - started < quick + 10


def test_a_handshake_that_drips_is_cut(quick: float, server: Any, raw: Raw):
    started = time.monotonic()
    wire = raw(server, None)
    for byte in handshake():
        wire.send(bytes([byte]))
        if not wire.silent(0.02):
            break
    assert wire.read_response()[0] == 408
    assert quick * 0.9 < time.monotonic() - started < quick + 10


@pytest.mark.parametrize("line", [b"X-Filler: " + b"x" * 32_000, b"X:y\r\n" * 6_400], ids=["one line", "many lines"])
def test_a_head_in_single_bytes_costs_time_in_proportion_to_its_length(line: bytes):
    def seconds(head: bytes) -> float:
        connection = StrictConnection()
        started = time.thread_time()
        for at in range(len(head)):
            connection.receive_data(head[at : at + 1])
            connection.next_event()
        return time.thread_time() - started

    quarter, whole = (seconds(b"GET / HTTP/1.1\r\n" + line[:size]) for size in (8_000, 32_000))
    # Four times the length is four times the work; searching it from the start with every byte would be sixteen.
    assert whole < 8 * quarter + 0.1


def test_a_folded_header_is_found_at_every_cut():
    folded = b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n"

    def take(*pieces: bytes) -> None:
        connection = StrictConnection()
        for piece in pieces:
            connection.receive_data(piece)
            connection.next_event()

    for cut in range(1, len(folded)):
        with pytest.raises(h11.RemoteProtocolError, match="folded"):
            take(folded[:cut], folded[cut:])


def test_a_second_request_that_drips_is_cut_as_well(quick: float, server: Any, raw: Raw):
    wire = raw(server, None)
    wire.send(GET)
    assert wire.read_response()[0] == 200
    assert wire.silent(2 * quick), "between requests a client may be silent"
    wire.send(GET, b"GET / HT")
    assert wire.read_response()[0] == 200
    started = time.monotonic()
    assert wire.read_response()[0] == 408
    assert time.monotonic() - started < quick + 10


def test_a_client_may_be_silent_after_its_handshake(quick: float, server: Any, raw: Raw):
    wire = raw(server)
    assert wire.silent(3 * quick)
    wire.send(frame("hello"))
    assert wire.read().payload == b"hello"


def test_a_crowd_of_silent_connections_leaves_nothing_behind(
    server: Any, raw: Raw, until: Any, monkeypatch: pytest.MonkeyPatch
):
    # Long enough for all to connect to a busy machine.
    monkeypatch.setattr(guard, "HEAD_TIMEOUT", 8.0)
    crowd = [raw(server, None) for _ in range(200)]
    for wire in crowd[::2]:
        wire.send(b"GET /")
    until(lambda: len(inside(server)._state.connections) == 200)
    newcomer = raw(server)
    newcomer.send(frame("room?"))
    assert newcomer.read().payload == b"room?"
    assert len(inside(server)._state.connections) == 200, "before any of them has been cut"
    until(lambda: not inside(server)._state.connections)


# What is said in every answer


def test_responses_have_a_date_and_do_not_name_the_server(server: Any, raw: Raw):
    for request in (
        GET,
        handshake(),
        handshake("/no"),
        b"garbage\r\n\r\n",
        b"GET /no HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ):
        wire = raw(server, None)
        wire.send(request)
        headers = wire.read_head()[1]
        assert "server" not in headers
        assert abs(parsedate_to_datetime(headers["date"]).timestamp() - time.time()) < 5


def test_a_server_prints_nothing_and_does_not_change_logging():
    program = """
        import logging, socket, sys
        before = {name: (l.level, list(l.handlers), l.propagate, l.disabled)
                  for name in ("", "uvicorn", "uvicorn.error", "uvicorn.access", "websockets", "websockets.server")
                  for l in [logging.getLogger(name)]}
        from zefnb import *
        routes = {"/": "hi", "/ws": ET.WebSocket(clients_push_into_=[ET.Topic("t")])}
        server = FX.StartHTTPServer(routes=routes, port=0) | run
        upgrade = "Upgrade: websocket\\r\\nConnection: upgrade\\r\\n\\r\\n"
        for request in ("GET / HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n", "garbage\\r\\n\\r\\n",
                        "GET /ws HTTP/1.1\\r\\nHost: localhost\\r\\n" + upgrade):
            with socket.create_connection(("127.0.0.1", server.port)) as s:
                s.sendall(request.encode())
                s.recv(9)
        for name, (level, handlers, propagate, disabled) in before.items():
            l = logging.getLogger(name)
            assert (l.level, l.handlers, l.propagate, l.disabled) == (level, handlers, propagate, disabled), name
    """
    # Not in the loop's debug mode, which reports slow steps.
    plain = {name: value for name, value in os.environ.items() if name != "PYTHONASYNCIODEBUG"}
    command = [sys.executable, "-c", textwrap.dedent(program)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=plain)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_uvicorns_loggers_receive_nothing_from_us(server: Any, raw: Raw, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.DEBUG):
        for garbage in list(GARBAGE.values())[:5]:
            wire = raw(server, None)
            wire.send(garbage)
            wire.read_response()
    assert [record.name for record in caplog.records if record.name.startswith("uvicorn")] == []
    assert FX.QueryLog(level="warning") | run == []
