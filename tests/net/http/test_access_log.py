"""The access log: a row for each request of a server with `logging=True`, whatever became of it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from tests.net.conftest import inside
from tests.net.wire import Wire
from zefnb import ET, FX, run
from zefnb.engine import side_thread
from zefnb.engine.runtime import default_runtime
from zefnb.errors import InvalidEffect
from zefnb.net.http import access_log

Raw = Callable[..., Wire]


def access(**query: Any) -> list[dict[str, Any]]:
    return FX.QueryLog(kind="access", **query) | run


def told(rows: list[dict[str, Any]]) -> list[tuple[str, str, int | None]]:
    """Method, path and status, the oldest first."""
    return [(row["method"], row["path"], row["status"]) for row in reversed(rows)]


def fails(request: Any) -> Any:
    raise ValueError("this page is broken")


@pytest.fixture(autouse=True)
def empty() -> None:
    default_runtime().service(access_log.AccessLog).clear()


@pytest.fixture
def logged(serve: Any) -> Any:
    routes = {
        "/": "hello", "POST /": lambda request: {"got": request.body}, "/broken": fails,
        "/ws": ET.WebSocket(clients_subscribe_to=[ET.Topic("t")]),
    }  # fmt: skip
    return serve({tuple(k.split()) if " " in k else k: v for k, v in routes.items()}, logging=True)


def test_each_request_is_a_row_also_what_is_refused(logged: Any, until: Any):
    with httpx.Client(base_url=f"http://127.0.0.1:{logged.port}", trust_env=False) as client:
        client.get("/?token=abc")
        client.post("/", content="x")
        client.get("/nowhere")
        client.delete("/")
        client.get("/", headers={"Host": "evil.example"})
        client.get("/ws")
    until(lambda: len(access(server=logged)) == 6)
    rows = access(server=logged)
    assert told(rows) == [
        ("GET", "/", 200), ("POST", "/", 200), ("GET", "/nowhere", 404), ("DELETE", "/", 405), ("GET", "/", 403),
        ("GET", "/ws", 426),
    ]  # fmt: skip
    assert {row["client_ip"] for row in rows} == {"127.0.0.1"}
    assert {row["kind"] for row in rows} == {"access"}
    assert all(row["seconds"] >= 0 for row in rows)
    assert "abc" not in repr(rows)


def test_what_fails_with_500_is_there_and_in_the_faults(logged: Any, until: Any):
    assert httpx.get(f"http://127.0.0.1:{logged.port}/broken", trust_env=False).status_code == 500
    until(lambda: told(access(level="error")) == [("GET", "/broken", 500)])
    [fault] = FX.QueryLog(level="error") | run
    assert "this page is broken" in fault["traceback"]
    assert (fault["server"], fault["path"]) == (logged, "/broken")


def test_a_websocket_is_two_rows_with_its_channel(logged: Any, connect: Any, until: Any):
    client = connect(logged)
    client.close(4001)
    with pytest.raises(InvalidStatus):
        connect(logged, "/nowhere")
    with pytest.raises(InvalidStatus):
        connect(logged, origin="https://evil.example")
    until(lambda: len(access()) == 4)
    assert sorted(told(access())) == [
        ("CLOSE", "/ws", 4001), ("GET", "/nowhere", 404), ("GET", "/ws", 101), ("GET", "/ws", 403)
    ]  # fmt: skip
    assert [row["channel_id"] for row in access(filter={"path": "/ws"}) if row["status"] != 403] == [0, 0]


def test_what_cannot_be_read_is_a_row_without_a_path(logged: Any, raw: Raw, until: Any):
    wire = raw(logged, None)
    wire.send(b"GARBAGE\r\n\r\n")
    wire.read_response()
    until(lambda: told(access()) == [("", "", 400)])


def test_a_client_that_leaves_before_its_response_has_no_status(serve: Any, raw: Raw, until: Any):
    begun, go = threading.Event(), threading.Event()

    def slow(request: Any) -> str:
        begun.set()
        go.wait(20)
        return "late"

    server = serve({"/": slow}, logging=True)
    wire = raw(server, None)
    wire.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert begun.wait(20)
    [protocol] = inside(server)._state.connections
    wire.close()
    until(lambda: protocol.is_closed)
    go.set()
    until(lambda: told(access()) == [("GET", "/", None)])


def test_without_logging_nothing_is_kept(serve: Any):
    server = serve({"/": "hello"})
    httpx.get(f"http://127.0.0.1:{server.port}/", trust_env=False)
    assert access() == []


def test_each_row_is_a_line_of_the_logger(logged: Any, caplog: pytest.LogCaptureFixture, until: Any):
    with caplog.at_level(logging.INFO, "zefnb.access"):
        httpx.get(f"http://127.0.0.1:{logged.port}/", trust_env=False)
        httpx.get(f"http://127.0.0.1:{logged.port}/broken", trust_env=False)
        until(lambda: len(access()) == 2)
        side_thread.flush(20)
    lines = [(record.levelname, record.getMessage()) for record in caplog.records if record.name == "zefnb.access"]
    assert [level for level, _ in lines] == ["INFO", "ERROR"]
    assert lines[0][1].startswith('127.0.0.1 "GET /" 200 ')


def test_requests_that_wait_for_a_slow_logging_handler_are_bounded_and_counted(
    logged: Any, until: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(side_thread, "MOST_WAITING", 10)
    begun, goes_on, lines = threading.Event(), threading.Event(), list[str]()

    class Slow(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            begun.set()
            goes_on.wait(20)
            lines.append(record.getMessage())

    logger, slow = access_log.logger, Slow()
    logger.addHandler(slow)
    logger.setLevel(logging.INFO)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{logged.port}", trust_env=False) as client:
            client.get("/")
            assert begun.wait(20)
            for _ in range(30):
                client.get("/")
        until(lambda: [row["count"] for row in FX.QueryLog(level="warning") | run] == [20])
        goes_on.set()
        until(lambda: len(lines) == 11)
    finally:
        goes_on.set()
        logger.setLevel(logging.NOTSET)
        logger.removeHandler(slow)
    assert len(access()) == 31


def test_of_many_requests_the_latest_are_kept(logged: Any, until: Any):
    count = access_log.CAPACITY + 20
    with httpx.Client(base_url=f"http://127.0.0.1:{logged.port}", trust_env=False, timeout=60) as client:
        for number in range(count):
            client.get(f"/{number}")
    until(lambda: access(limit=1)[0]["path"] == f"/{count - 1}")
    assert len(access()) == access_log.CAPACITY
    assert told(access())[0] == ("GET", "/20", 404)


def test_what_a_stranger_calls_a_path_is_escaped_and_cut(logged: Any, until: Any):
    with httpx.Client(base_url=f"http://127.0.0.1:{logged.port}", trust_env=False) as client:
        client.get("/%1b[2J")
        client.get(f"/{'x' * 20_000}")
    until(lambda: len(access()) == 2)
    long, red = access()
    assert red["path"] == "/\\x1b[2J"
    assert len(long["path"]) <= 201


def test_requests_are_of_no_actor():
    with pytest.raises(InvalidEffect, match="a request is of no actor"):
        FX.QueryLog(kind="access", actor=ET.Actor("🍃-00000000000000000000")) | run
    with pytest.raises(InvalidEffect, match="kind"):
        FX.QueryLog(kind="other") | run
