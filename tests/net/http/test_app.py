"""HTTP: the meaning of a route's value to a browser, the input of a handler, and errors."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.net.conftest import inside, journal, said
from tests.net.wire import Wire
from zefnb import ET, FX, Time, run, zef_function
from zefnb.net.http import body as body_module
from zefnb.net.http import guard

Raw = Callable[..., Wire]
Get = Callable[..., httpx.Response]


@pytest.fixture
def ask(serve: Any) -> Iterator[Callable[..., httpx.Response]]:
    """`ask(routes, '/x')`: send one request to a server with these routes, or to a server."""
    with httpx.Client(timeout=30) as client:

        def request(routes: Any, path: str = "/", method: str = "GET", **options: Any) -> httpx.Response:
            server = serve(routes) if isinstance(routes, dict) else routes
            return client.request(method, f"http://127.0.0.1:{server.port}{path}", **options)

        yield request


def only(value: Any) -> dict[str, Any]:
    return {"/": value}


# What a route's value means


def test_a_text_route_sends_its_text_unchanged(ask: Get):
    answer = ask(only("grüße <b>🍃</b>"))
    assert (answer.status_code, answer.text) == (200, "grüße <b>🍃</b>")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


def test_a_text_route_that_starts_as_html_is_a_page_and_a_handlers_text_is_not(ask: Get):
    page = "<!doctype html><p>grüße"
    assert ask(only(page)).headers["content-type"] == "text/html; charset=utf-8"
    assert ask(only(lambda request: page)).headers["content-type"] == "text/plain; charset=utf-8"


def test_html_is_a_page(ask: Get):
    answer = ask(only(ET.HTML(content="<b>grüße</b>")))
    assert (answer.status_code, answer.text) == (200, "<b>grüße</b>")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("value", [{"a": [1, None, True, "ä"]}, [1, 2], {}, []])
def test_json_round_trips(ask: Get, value: Any):
    for answer in (ask(only(value)), ask(only(ET.JSON(content=value)))):
        assert (answer.status_code, answer.json()) == (200, value)
        assert answer.headers["content-type"] == "application/json"


def test_an_entity_in_json_is_an_object(ask: Get):
    assert ask(only(ET.JSON(content=ET.Guest(name="Ada")))).json() == {"type": "Guest", "name": "Ada"}


def test_bytes_are_bytes(ask: Get):
    assert ask(only(b"\x00\xff")).content == b"\x00\xff"


def test_none_becomes_204(ask: Get):
    answer = ask(only(None))
    assert (answer.status_code, answer.content) == (204, b"")


def test_a_redirect_leads_to_its_location(ask: Get):
    answer = ask(only(ET.Redirect(url="/there?x=1")))
    assert (answer.status_code, answer.headers["location"]) == (302, "/there?x=1")


@pytest.mark.parametrize(
    ("given", "status", "kind", "body"),
    [
        ({"body": "x"}, 200, "text/plain; charset=utf-8", b"x"),
        ({"status": 418, "body": b"\xff", "headers": {"x-kind": "pot"}}, 418, None, b"\xff"),
        ({"status": 201, "body": {"a": 1}}, 201, "application/json", b'{"a": 1}'),
        ({"status": 404, "body": ET.HTML(content="gone")}, 404, "text/html; charset=utf-8", b"gone"),
        ({"status": 304}, 304, None, b""),
        ({"body": "a,b", "headers": {"content-type": "text/csv"}}, 200, "text/csv", b"a,b"),
    ],
)
def test_a_response_is_sent_as_given(ask: Get, given: Any, status: int, kind: Any, body: bytes):
    answer = ask(only(ET.Response(**given)))
    assert (answer.status_code, answer.headers.get("content-type"), answer.content) == (status, kind, body)
    assert all(answer.headers[name] == value for name, value in given.get("headers", {}).items())


def test_a_file_is_served_with_its_type_and_read_again_for_each_request(ask: Get, serve: Any, tmp_path: Path):
    page = tmp_path / "page.html"
    page.write_text("one")
    server = serve(
        {
            "/": ET.FromFile(path=str(page)),
            "/no": ET.FromFile(path=str(tmp_path / "no")),
            "/dir": ET.FromFile(path=str(tmp_path)),
        }
    )
    assert ask(server).text == "one"
    assert ask(server).headers["content-type"] == "text/html; charset=utf-8"
    page.write_text("two and more")
    assert ask(server).text == "two and more"
    assert ask(server, headers={"range": "bytes=4-6"}).text == "and"
    assert [ask(server, path).status_code for path in ("/no", "/dir")] == [404, 404]


def test_a_large_response_reaches_a_slow_client_completely(serve: Any, raw: Raw, tmp_path: Path):
    big = bytes(range(256)) * 40_000
    (tmp_path / "big.bin").write_bytes(big)
    server = serve({"/": big, "/file": ET.FromFile(path=str(tmp_path / "big.bin"))})
    for path in ("/", "/file"):
        wire = raw(server, None, receive_buffer=4096)
        wire.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        status, _, body = wire.read_response()
        assert status == 200
        assert body == big


def test_head_is_get_without_the_body(ask: Get, serve: Any):
    server = serve({"/": "hello", "/page": ET.HTML(content="<p>")})
    for path, length in (("/", "5"), ("/page", "3")):
        answer = ask(server, path, "HEAD")
        assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", length)


# Which route serves


def test_an_unknown_path_gets_404(ask: Get, serve: Any):
    server = serve({"/": "x", "/a": "y"})
    for path in ("/b", "/a/b", "/A", "/ab", "//a"):
        assert (ask(server, path).status_code, ask(server, path).text) == (404, "404 Not Found\n")
    assert ask(server, "/%61").text == "y"


def test_a_wrong_method_gets_405_with_the_allowed_ones(ask: Get, serve: Any):
    server = serve({"/": "x", ("POST", "/"): "y", ("DELETE", "/thing"): "z"})
    answer = ask(server, method="PUT")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, POST")
    answer = ask(server, "/thing")
    assert (answer.status_code, answer.headers["allow"]) == (405, "DELETE")


def test_a_websocket_path_wants_an_upgrade(ask: Get, serve: Any, topic: Any):
    server = serve({"/ws": ET.WebSocket(clients_subscribe_to=[topic])})
    for method in ("GET", "HEAD"):
        answer = ask(server, "/ws", method)
        assert answer.status_code == 426
        assert answer.headers["upgrade"] == "websocket"


def test_a_trailing_slash_makes_no_difference(ask: Get, serve: Any, topic: Any, connect: Any):
    server = serve(
        {
            "/a/": "a",
            "/b": "b",
            "/ws": ET.WebSocket(clients_subscribe_to=[topic]),
            "/ws2/": ET.WebSocket(clients_subscribe_to=[topic]),
        }
    )
    assert [ask(server, path).text for path in ("/a", "/a/", "/b", "/b/")] == ["a", "a", "b", "b"]
    for path in ("/ws", "/ws/", "/ws2", "/ws2/", "/ws?x=1", "/ws/?x=1"):
        connect(server, path)


def test_an_encoded_question_mark_is_part_of_the_path(ask: Get, serve: Any):
    server = serve({"/a": "a", "/{name}": zef_function(lambda request: request.name)})
    assert ask(server, "/a%3Fb").text == "a?b"
    assert ask(server, "/a%23b").text == "a#b"
    assert ask(server, "/a?b").text == "a"


def test_a_websocket_path_with_other_letters_is_found(serve: Any, topic: Any, connect: Any, clients: Any):
    server = serve({"/grüße": ET.WebSocket(clients_subscribe_to=[topic])})
    connect(server, "/gr%C3%BC%C3%9Fe")
    assert clients(server, 1)[0]["path"] == "/grüße"


# Handlers


@zef_function
def plain(request: Any) -> Any:
    return f"{threading.current_thread().name}"


@zef_function
async def patient(request: Any) -> Any:
    await asyncio.sleep(0.01)
    return f"{threading.current_thread().name}"


@zef_function(inline=True)
def quick(request: Any) -> Any:
    return f"{threading.current_thread().name}"


def test_handlers_run_in_a_thread_or_on_the_loop_by_their_kind(ask: Get, serve: Any):
    server = serve({"/plain": plain, "/async": patient, "/inline": quick})
    answers = [ask(server, path).text for path in ("/plain", "/async", "/inline")]
    assert answers == ["zefnb-handlers", "zefnb", "zefnb"]


def test_any_callable_can_be_a_handler(ask: Get, serve: Any):
    async def waits(request: Any) -> Any:
        return "async"

    server = serve({"/function": lambda request: "plain", "/async": waits})
    assert [ask(server, path).text for path in ("/function", "/async")] == ["plain", "async"]


def test_a_blocking_handler_does_not_delay_other_requests(ask: Get, serve: Any):
    gate = threading.Event()

    @zef_function
    def blocks(request: Any) -> Any:
        gate.wait(20)
        return "at last"

    server = serve({"/slow": blocks, "/quick": plain, "/": "text"})
    answers: list[str] = []
    waiting = [
        threading.Thread(target=lambda: answers.append(httpx.get(f"http://127.0.0.1:{server.port}/slow").text))
        for _ in range(5)
    ]
    for thread in waiting:
        thread.start()
    assert ask(server, "/quick").status_code == 200
    assert ask(server, "/").text == "text"
    assert answers == []
    gate.set()
    for thread in waiting:
        thread.join(20)
    assert answers == ["at last"] * 5


@pytest.fixture
def seen(serve: Any) -> Any:
    """A server that keeps the last request; `seen.request`."""

    class Seen:
        request: Any = None
        server: Any = None

    seen = Seen()

    @zef_function
    def keep(request: Any) -> Any:
        seen.request = request
        return "ok"

    paths = ["/", "/{name}/of/{place}", "/number/{n:int}"]
    seen.server = serve({(method, path): keep for method in ("GET", "POST", "PUT", "HEAD") for path in paths})
    return seen


def test_the_request_is_all_there(ask: Get, seen: Any):
    ask(seen.server, "/?a=1&b=&a=2", headers={"X-Kind": "Odd", "cookie": "k=v"})
    request = seen.request
    assert (request.path, request.method, request.query, request.client_ip) == ("/", "GET", "a=1&b=&a=2", "127.0.0.1")
    assert request.query_params == {"a": "2", "b": ""}
    assert (request.headers["x-kind"], request.headers["cookie"]) == ("Odd", "k=v")
    assert (request.body, request.form_data) == ("", {})
    assert isinstance(request.req_time, Time)


def test_the_variables_of_the_path_are_fields(ask: Get, seen: Any):
    ask(seen.server, "/Ada/of/Lovelace%20%2B")
    assert (seen.request.name, seen.request.place) == ("Ada", "Lovelace +")
    assert seen.request.path_params == {"name": "Ada", "place": "Lovelace +"}
    ask(seen.server, "/number/41")
    assert seen.request.n == 41
    assert ask(seen.server, "/number/forty").status_code == 404


def test_a_body_is_text_if_it_is_valid_utf8_and_bytes_otherwise(ask: Get, seen: Any):
    ask(seen.server, method="POST", content="grüße".encode())
    assert seen.request.body == "grüße"
    ask(seen.server, method="PUT", content=b"\xff\x00")
    assert seen.request.body == b"\xff\x00"
    ask(seen.server, method="POST", json={"a": [1]})
    assert json.loads(seen.request.body) == {"a": [1]}
    ask(seen.server, method="POST", content=iter([b"in ", b"chunks"]))
    assert seen.request.body == "in chunks"


def test_a_form_is_its_fields(ask: Get, seen: Any):
    ask(seen.server, method="POST", data={"name": "Ada & Co", "empty": "", "ü": "ß"})
    assert seen.request.form_data == {"name": "Ada & Co", "empty": "", "ü": "ß"}
    assert seen.request.body.startswith("name=Ada")


def test_a_form_with_files_is_its_fields_and_its_files(ask: Get, seen: Any):
    ask(seen.server, method="POST", data={"name": "Ada"}, files={"up": ("a.bin", b"\x00\xff" * 9, "image/png")})
    assert seen.request.form_data == {
        "name": "Ada",
        "up": {"filename": "a.bin", "content": b"\x00\xff" * 9, "content_type": "image/png"},
    }


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n"),
        ("application/x-www-form-urlencoded", b"&".join(b"f%d=1" % n for n in range(2_000))),
    ],
)
def test_an_invalid_form_gets_400(ask: Get, seen: Any, kind: str, body: bytes):
    assert ask(seen.server, method="POST", content=body, headers={"content-type": kind}).status_code == 400
    assert seen.request is None
    assert journal("warning") == []


# What goes wrong


@pytest.mark.parametrize("error", [ValueError("boom"), SystemExit("boom"), KeyboardInterrupt("boom")], ids=repr)
@pytest.mark.parametrize("kind", ["plain", "async", "inline"])
def test_a_handler_that_raises_is_500_and_in_the_journal(ask: Get, serve: Any, until: Any, kind: str, error: Any):
    if kind == "async":

        @zef_function
        async def fails(request: Any) -> Any:
            raise error
    else:

        @zef_function(inline=kind == "inline")
        def fails(request: Any) -> Any:
            raise error

    server = serve({"/x": fails, "/": "fine"})
    answer = ask(server, "/x?token=abc")
    assert (answer.status_code, answer.text) == (500, "500 Internal Server Error\n")
    assert ask(server).text == "fine"
    fault = until(said("boom", "error"))
    assert (fault["server"], fault["path"]) == (server, "/x")
    assert "raise error" in fault["traceback"]


async def awaits_a_cancelled_task(request: Any) -> None:
    task = asyncio.create_task(asyncio.sleep(60))
    task.cancel()
    await task


async def cancels_itself(request: Any) -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(60)


def raises_the_error_of_a_cancelled_task(request: Any) -> None:
    raise asyncio.CancelledError


@pytest.mark.parametrize(
    "handler",
    [awaits_a_cancelled_task, cancels_itself, raises_the_error_of_a_cancelled_task],
    ids=lambda handler: handler.__name__,
)
def test_a_handler_that_is_cancelled_is_500_and_in_the_journal(ask: Get, serve: Any, until: Any, handler: Any):
    server = serve({"/x": handler, "/": "fine"})
    answer = ask(server, "/x")
    assert (answer.status_code, answer.text) == (500, "500 Internal Server Error\n")
    assert ask(server).text == "fine"
    fault = until(said("CancelledError", "error"))
    assert (fault["server"], fault["path"], fault["handler"]) == (server, "/x", handler.__name__)


def test_a_handler_can_raise_an_http_exception_of_starlette(ask: Get):
    from starlette.exceptions import HTTPException

    @zef_function
    def refuses(request: Any) -> Any:
        raise HTTPException(401, "who are you?", {"www-authenticate": "Basic"})

    answer = ask(only(refuses))
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Basic")
    assert journal("warning") == []


@pytest.mark.parametrize(
    "answer",
    [
        42,
        object(),
        ET.Guest(),
        FX.Log(content="x"),
        ET.HTML(content=5),
        ET.JSON(content={"a": float("nan")}, nan="refuse"),
        ET.JSON(content={}, nan="zero"),
        (1, 2),
        ET.JSON(content=b"bytes"),
        {"a": object()},
        ET.Response(status="many"),
        ET.Response(body=5),
        ET.Response(headers={"x": 5}),
        ET.HTML(),
        "half a pair \ud800",
    ],
    ids=lambda answer: repr(answer)[:40],
)
def test_an_invalid_result_of_a_handler_is_500_and_in_the_journal(ask: Get, serve: Any, answer: Any):
    @zef_function
    def nonsense(request: Any) -> Any:
        return answer

    server = serve({"/x": nonsense, "/": "fine"})
    assert ask(server, "/x").status_code == 500
    assert ask(server).text == "fine"
    (entry,) = journal("error")
    assert entry["server"] == server


# Bodies and their limits


def post(length: int, *lines: str, path: str = "/") -> bytes:
    head = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {length}", *lines]
    return ("\r\n".join(head) + "\r\n\r\n").encode()


def test_a_body_of_the_limit_is_accepted_and_one_more_byte_gets_413(ask: Get, seen: Any):
    assert ask(seen.server, method="POST", content=b"x" * (1 << 20)).status_code == 200
    assert len(seen.request.body) == 1 << 20
    seen.request = None
    assert ask(seen.server, method="POST", content=b"x" * ((1 << 20) + 1)).status_code == 413
    assert ask(seen.server, method="POST", content=iter([b"x" * (1 << 19)] * 3)).status_code == 413
    assert seen.request is None


def test_a_body_far_over_the_limit_gets_its_response_before_it_is_read(seen: Any, raw: Raw):
    wire = raw(seen.server, None)
    wire.send(post(10 << 30, "Expect: 100-continue"))
    assert wire.read_response()[0] == 413


def test_expect_100_continue_gets_100_continue(seen: Any, raw: Raw):
    wire = raw(seen.server, None)
    wire.send(post(5, "Expect: 100-continue"))
    assert wire.read_head()[0] == 100
    wire.send(b"hello")
    assert wire.read_response()[::2] == (200, b"ok")
    assert seen.request.body == "hello"


def test_a_body_that_stalls_is_408(seen: Any, raw: Raw, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(body_module, "BODY_PROGRESS_TIMEOUT", 0.2)
    wire = raw(seen.server, None)
    wire.send(post(10), b"hello")
    assert wire.read_response()[0] == 408
    assert wire.read_end() == b""
    assert seen.request is None


def test_a_body_that_drips_is_408(seen: Any, raw: Raw, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(body_module, "BODY_PROGRESS_TIMEOUT", 1.0)
    wire = raw(seen.server, None)
    wire.send(post(1_000))
    dripped = 0
    while wire.silent(0.05):
        wire.send(b"x")
        dripped += 1
        assert dripped < 500
    assert wire.read_response()[0] == 408
    assert dripped > 1
    assert seen.request is None


def test_a_slow_body_that_makes_progress_is_accepted(seen: Any, raw: Raw, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(body_module, "BODY_PROGRESS_TIMEOUT", 2.0)
    monkeypatch.setattr(body_module, "BODY_STEP", 1)
    wire = raw(seen.server, None)
    wire.send(post(5))
    for byte in b"hello":
        wire.send(bytes([byte]))
        assert wire.silent(0.5) or byte == ord("o")
    assert wire.read_response()[0] == 200
    assert seen.request.body == "hello"


def test_a_client_that_disconnects_during_its_body_is_no_error(seen: Any, raw: Raw, until: Any):
    wire = raw(seen.server, None)
    wire.send(post(10), b"hel")
    until(lambda: inside(seen.server)._state.tasks)
    wire.reset()
    until(lambda: not inside(seen.server)._state.tasks)
    assert seen.request is None
    assert journal("warning") == []


# Connections


def test_a_connection_serves_many_requests_sequential_and_pipelined(serve: Any, raw: Raw):
    server = serve({"/a": "a", "/b": plain, "/c": patient})
    wire = raw(server, None)
    one = [f"GET /{name} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() for name in "abc"]
    for request in one:
        wire.send(request)
        assert wire.read_response()[0] == 200
    wire.send(*one * 20)
    assert [wire.read_response()[2] for _ in range(60)] == [b"a", b"zefnb-handlers", b"zefnb"] * 20


def test_connection_close_is_honoured(serve: Any, raw: Raw):
    server = serve(only("hello"))
    wire = raw(server, None)
    wire.send(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    status, headers, body = wire.read_response()
    assert (status, headers["connection"], body) == (200, "close", b"hello")
    assert wire.read_end() == b""


def test_http_1_0_is_served_and_closed(serve: Any, raw: Raw):
    server = serve(only("hello"))
    wire = raw(server, None)
    wire.send(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")
    assert wire.read_response()[::2] == (200, b"hello")
    assert wire.read_end() == b""
    wire = raw(server, None)
    wire.send(b"GET / HTTP/1.0\r\n\r\n")
    assert wire.read_response()[0] == 400
    assert journal("warning") == []


def test_an_idle_connection_is_closed_in_the_end(serve: Any, raw: Raw, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(guard, "KEEP_ALIVE_TIMEOUT", 1)
    wire = raw(serve(only("hello")), None)
    wire.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert wire.read_response()[0] == 200
    assert wire.read_end() == b""


def test_an_unread_body_does_not_disturb_the_next_request(serve: Any, raw: Raw):
    server = serve({("POST", "/"): "got it", "/": "hello"})
    wire = raw(server, None)
    wire.send(post(100_000), b"x" * 100_000, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert wire.read_response()[::2] == (200, b"got it")
    assert wire.read_response()[::2] == (200, b"hello")


def test_requests_are_also_served_over_ipv6(serve: Any, raw: Raw):
    server = serve(only("hello"))
    wire = raw(server, None, host="::1")
    wire.send(f"GET / HTTP/1.1\r\nHost: [::1]:{server.port}\r\n\r\n".encode())
    assert wire.read_response()[::2] == (200, b"hello")


def test_a_handler_can_use_run_and_publish(ask: Get, topic: Any, serve: Any, connect: Any):
    @zef_function
    def publishes(request: Any) -> Any:
        FX.Publish(target=topic, content=request.body) | run
        return "published"

    server = serve({("POST", "/"): publishes, "/ws": ET.WebSocket(clients_subscribe_to=[topic])})
    client = connect(server)
    assert ask(server, method="POST", content="from a page").text == "published"
    assert client.recv(timeout=20) == "from a page"
