"""How long a body can be: by server and by route."""

from __future__ import annotations

from typing import Any

import pytest

from zefnb import ET, FX, run, zef_function
from zefnb.engine.runtime import default_runtime
from zefnb.errors import InvalidEffect
from zefnb.net.budget import Budget
from zefnb.net.http.body import BODY_LIMIT

MIB = 1 << 20


@zef_function
def size(request: Any) -> Any:
    return f"{len(request.body_bytes)} {type(request.body).__name__}"


def post(raw: Any, server: Any, path: str, body: bytes, *lines: str, chunked: bool = False) -> tuple[int, bytes]:
    wire = raw(server, None)
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
    wire.send("\r\n".join([f"POST {path} HTTP/1.1", "Host: localhost", length, *lines, "", ""]).encode())
    if chunked:
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    wire.send(body)
    status, _, answer = wire.read_response()
    wire.close()
    return status, answer


@pytest.fixture
def server(serve: Any) -> Any:
    routes = {
        ("POST", "/"): size,
        ("POST", "/more"): ET.Route(handler=size, max_body=3 * MIB),
        ("POST", "/less"): ET.Route(handler=size, max_body=10),
        ("POST", "/none"): ET.Route(handler=size, max_body=0),
        ("POST", "/as-the-server"): ET.Route(handler=size),
    }
    return serve(routes, max_body=2 * MIB)


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(
    ("path", "limit"), [("/", 2 * MIB), ("/more", 3 * MIB), ("/less", 10), ("/none", 0), ("/as-the-server", 2 * MIB)]
)
def test_a_body_of_the_limit_is_accepted_and_one_byte_more_is_refused(
    server: Any, raw: Any, path: str, limit: int, chunked: bool
):
    if limit or not chunked:
        assert post(raw, server, path, b"x" * limit, chunked=chunked) == (200, f"{limit} str".encode())
    status, answer = post(raw, server, path, b"x" * (limit + 1), chunked=chunked)
    assert (status, answer) == (413, f"413 a body is {limit} bytes at most\n".encode())


def test_the_default_is_1_mib(serve: Any, raw: Any):
    server = serve({("POST", "/"): size})
    assert post(raw, server, "/", b"x" * BODY_LIMIT)[0] == 200
    assert post(raw, server, "/", b"x" * (BODY_LIMIT + 1))[0] == 413


def test_a_route_that_comes_later_has_its_limit(server: Any, raw: Any):
    change = ET.InsertIn(path=["routes", ("POST", "/late")], value=ET.Route(handler=size, max_body=4 * MIB))
    FX.UpdateRunningHTTPServer(server=server, delta=[change]) | run
    assert post(raw, server, "/late", b"x" * (4 * MIB))[0] == 200
    assert post(raw, server, "/late", b"x" * (4 * MIB + 1))[0] == 413


@pytest.mark.slow
@pytest.mark.parametrize("content", [b"x", b"\xff", "🍃".encode()], ids=["ascii", "bytes", "wide"])
def test_a_body_longer_than_all_together_otherwise_may_be_is_read(serve: Any, raw: Any, content: bytes, until: Any):
    length = (80 << 20) // len(content) * len(content)
    server = serve({("POST", "/"): ET.Route(handler=size, max_body=80 << 20)})
    kind = b"bytes" if content == b"\xff" else b"str"
    assert post(raw, server, "/", content * (length // len(content))) == (200, b"%d %b" % (length, kind))
    until(lambda: default_runtime().service(Budget).bodies.held == 0)


def test_a_long_form_is_read(serve: Any, raw: Any):
    @zef_function
    def sizes(request: Any) -> Any:
        return str(len(request.form_data["f"]["content"]))

    server = serve({("POST", "/"): sizes}, max_body=9 * MIB)
    head = b'--b\r\nContent-Disposition: form-data; name="f"; filename="x"\r\n\r\n'
    body = head + b"\xff" * (8 * MIB) + b"\r\n--b--\r\n"
    answer = post(raw, server, "/", body, "Content-Type: multipart/form-data; boundary=b")
    assert answer == (200, str(8 * MIB).encode())


@pytest.mark.parametrize("given", [-1, True, "1 MB", 1.5])
def test_a_limit_is_a_number_of_bytes(given: Any):
    with pytest.raises(InvalidEffect, match="max_body"):
        FX.StartHTTPServer(routes={"/": "x"}, port=0, max_body=given) | run
    with pytest.raises(InvalidEffect, match=r"routes\['/'\].max_body"):
        FX.StartHTTPServer(routes={"/": ET.Route(handler=size, max_body=given)}, port=0) | run


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (ET.Route(), "handler: missing"),
        (ET.Route(handler="text"), "handler: got 'text'"),
        (ET.Route(handler=ET.HTML(content="x")), "handler: got ET.HTML"),
        (ET.Route(handler=size, maxbody=5), "maxbody: unknown field"),
    ],
)
def test_every_mistake_in_a_route_is_named(value: Any, field: str):
    with pytest.raises(InvalidEffect) as failed:
        FX.StartHTTPServer(routes={"/": value}, port=0) | run
    assert f"routes['/'].{field}" in str(failed.value)


def test_memory_is_returned_to_the_system_after_a_large_body(
    serve: Any, raw: Any, until: Any, monkeypatch: pytest.MonkeyPatch
):
    from zefnb.net.http import server as server_module

    budget, held = default_runtime().service(Budget), []
    bodies = budget.bodies
    bodies.peak = budget.responses.peak = 0  # of earlier tests
    monkeypatch.setattr(server_module, "release_freed_memory", lambda: held.append(bodies.held))
    server = serve({("POST", "/"): size}, max_body=40 * MIB)
    assert post(raw, server, "/", b"x" * MIB)[0] == 200
    assert bodies.peak < 16 * MIB
    assert post(raw, server, "/", b"x" * (20 * MIB))[0] == 200
    until(lambda: held == [0])
    assert bodies.peak == 0
