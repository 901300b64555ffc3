"""CORS: pages of admitted origins can send what the routes take and read the responses, and no others can."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from zefnb import ET, zef_function

ALLOWED, LOOPBACK = "https://app.example", "http://localhost:3000"
FOREIGN = ["https://evil.example", "https://app.example.evil", "http://app.example", "null"]
METHODS, HEADERS = "access-control-allow-methods", "access-control-allow-headers"
ORIGIN, CREDENTIALS = "access-control-allow-origin", "access-control-allow-credentials"
ran: list[str] = []


@pytest.fixture
def ask(serve: Any, raw: Any, topic: Any, tmp_path: Path) -> Any:
    """`ask(method, path, line, ...)`: the status, and the headers with all values of a name joined."""
    ran.clear()
    (tmp_path / "file.txt").write_text("file")

    @zef_function
    def handler(request: Any) -> Any:
        ran.append(request.method)
        return ET.Response(body="made", headers=[("x-total", "5"), ("Set-Cookie", "a=b"), ("Vary", "Accept")])

    @zef_function
    def fails(request: Any) -> Any:
        raise ValueError("no")

    open_to_all = ET.Response(body="all", headers={"Access-Control-Allow-Origin": "*"})
    server = serve(
        {
            "/": "hello",
            ("POST", "/things"): handler,
            ("DELETE", "/things"): handler,
            ("OPTIONS", "/own"): handler,
            "/fails": fails,
            "/file": ET.FromFile(path=tmp_path / "file.txt"),
            "/all": open_to_all,
            "/ws": ET.WebSocket(clients_subscribe_to=[topic]),
        },
        allowed_origins=[ALLOWED],
    )

    def send(method: str, path: str, *lines: str) -> tuple[int, dict[str, str]]:
        wire = raw(server, None)
        wire.send("\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *lines, "", ""]).encode())
        while b"\r\n\r\n" not in wire.received:
            assert wire._more()
        first, *given = bytes(wire.received).partition(b"\r\n\r\n")[0].decode().split("\r\n")
        wire.close()
        headers: dict[str, str] = {}
        for name, value in (line.split(": ", 1) for line in given):
            headers[name.lower()] = f"{headers[name.lower()]}, {value}" if name.lower() in headers else value
        return int(first.split()[1]), headers

    return send


def preflight(method: str = "DELETE", origin: str = ALLOWED, *lines: str) -> list[str]:
    return [f"Origin: {origin}", f"Access-Control-Request-Method: {method}", *lines]


@pytest.mark.parametrize("origin", [ALLOWED, LOOPBACK, "https://APP.example:443"])
def test_a_preflight_of_an_admitted_origin_says_what_it_may_send(ask: Any, origin: str):
    asked = "Access-Control-Request-Headers: x-a,authorization, Content-Type"
    status, headers = ask("OPTIONS", "/things", *preflight("DELETE", origin, asked))
    assert status == 204
    # Byte for byte, as browsers compare it.
    assert headers[ORIGIN] == origin
    assert headers[METHODS] == "DELETE, POST"
    assert headers[HEADERS] == "x-a, authorization, Content-Type"
    assert headers["access-control-max-age"] == "600"
    assert headers.get(CREDENTIALS) == (None if origin == LOOPBACK else "true")
    assert re.findall(r"[\w-]+", headers["vary"]) == [
        "Access-Control-Request-Method",
        "Access-Control-Request-Headers",
        "Origin",
    ]
    assert "content-length" not in headers
    assert ran == []


@pytest.mark.parametrize("origin", FOREIGN)
def test_a_foreign_origin_gets_no_permission_by_any_request(ask: Any, origin: str):
    for method, lines in (("OPTIONS", preflight("DELETE", origin)), ("POST", [f"Origin: {origin}"])):
        for path in ("/things", "/nowhere", "/all", "/file"):
            status, headers = ask(method, path, *lines)
            assert status == 403
            assert not [name for name in headers if name.startswith("access-control")]
    assert ran == []


def test_a_foreign_host_gets_no_permission_for_an_allowed_origin(serve: Any, raw: Any):
    wire = raw(serve({"/": "x"}, allowed_origins=[ALLOWED]), None)
    for method in ("GET", "OPTIONS"):
        lines = [f"{method} / HTTP/1.1", "Host: evil.example", *preflight(), "", ""]
        wire.send("\r\n".join(lines).encode())
        status, headers, _ = wire.read_response()
        assert status == 403
        assert ORIGIN not in headers


@pytest.mark.parametrize(
    ("path", "status", "methods"),
    [("/", 204, "GET, HEAD"), ("/things", 204, "DELETE, POST"), ("/nowhere", 404, None), ("/ws", 426, None)],
)
def test_a_preflight_names_the_methods_of_its_path(ask: Any, path: str, status: int, methods: str | None):
    got, headers = ask("OPTIONS", path, *preflight("PUT"))
    assert (got, headers.get(METHODS), headers[ORIGIN]) == (status, methods, ALLOWED)


def test_an_options_route_of_the_program_handles_its_preflights(ask: Any):
    status, headers = ask("OPTIONS", "/own", *preflight())
    assert (status, headers[ORIGIN], ran) == (200, ALLOWED, ["OPTIONS"])


def test_options_is_a_preflight_only_with_both_headers(ask: Any):
    assert ask("OPTIONS", "/things")[0] == 405
    assert ask("OPTIONS", "/things", f"Origin: {ALLOWED}")[0] == 405
    status, headers = ask("OPTIONS", "/things", "Access-Control-Request-Method: DELETE")
    assert (status, headers.get(ORIGIN)) == (405, None)


@pytest.mark.parametrize("asked", ["", ",", "a b", "a\tb, x-ok", "x-ok,(bad)", "x" * 5_000])
def test_what_is_no_header_name_is_not_repeated(ask: Any, asked: str):
    status, headers = ask(
        "OPTIONS", "/things", *preflight("DELETE", ALLOWED, f"Access-Control-Request-Headers: {asked}")
    )
    assert status == 204
    named = [name for name in headers.get(HEADERS, "").split(", ") if name]
    assert named == [name.strip() for name in asked.split(",") if re.fullmatch(r"[\w-]+", name.strip())]


@pytest.mark.parametrize("origin", [ALLOWED, LOOPBACK])
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 200), ("POST", "/things", 200), ("GET", "/things", 405), ("GET", "/nowhere", 404),
     ("GET", "/fails", 500), ("GET", "/file", 200), ("GET", "/ws", 426)],
)  # fmt: skip
def test_a_page_of_an_admitted_origin_can_read_every_response(
    ask: Any, origin: str, method: str, path: str, status: int
):
    got, headers = ask(method, path, f"Origin: {origin}")
    assert (got, headers[ORIGIN]) == (status, origin)
    assert "Origin" in headers["vary"].split(", ")
    assert headers.get(CREDENTIALS) == (None if origin == LOOPBACK else "true")


def test_the_headers_of_a_response_can_be_read_and_its_cookies_cannot(ask: Any):
    _, headers = ask("POST", "/things", f"Origin: {ALLOWED}")
    assert headers["access-control-expose-headers"] == "x-total"
    assert headers["vary"] == "Accept, Origin"
    assert "etag" in ask("GET", "/file", f"Origin: {ALLOWED}")[1]["access-control-expose-headers"]


def test_a_304_says_it_too(ask: Any):
    tag = ask("GET", "/file")[1]["etag"]
    status, headers = ask("GET", "/file", f"Origin: {ALLOWED}", f"If-None-Match: {tag}")
    assert (status, headers[ORIGIN]) == (304, ALLOWED)


def test_a_response_with_cors_headers_of_its_own_is_not_changed(ask: Any):
    _, headers = ask("GET", "/all", f"Origin: {ALLOWED}")
    assert headers[ORIGIN] == "*"
    assert CREDENTIALS not in headers


def test_programs_get_no_such_headers_and_vary_names_the_difference(ask: Any):
    _, headers = ask("GET", "/")
    assert not [name for name in headers if name.startswith("access-control") or name == "vary"]
    assert ask("GET", "/file")[1]["vary"] == "Origin"
