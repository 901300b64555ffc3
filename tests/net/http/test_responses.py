"""Responses that cannot be sent: 500, and the journal names the handler."""

from __future__ import annotations

from typing import Any

import pytest

from tests.net.conftest import journal
from zefnb import ET, zef_function
from zefnb.net.http.responses import InvalidResponse, response_of

LONG = "x" * 70_000
UNSENDABLE = {
    "a line break in a header": (ET.Response(headers={"x-a": "a\nb"}), "'x-a'"),
    "a carriage return in a header": (ET.Response(headers={"x-a": "a\rb"}), "'x-a'"),
    "NUL in a header": (ET.Response(headers={"x-a": "a\0b"}), "'x-a'"),
    "a header that is no latin-1": (ET.Response(headers={"x-a": "100 €"}), "'x-a'"),
    "half a pair in a header": (ET.Response(headers={"x-a": "\ud800"}), "'x-a'"),
    "a header that is no text": (ET.Response(headers={"x-a": 5}), "'x-a'"),
    "a blank in a header's name": (ET.Response(headers={"x a": "b"}), "'x a'"),
    "a header without a name": (ET.Response(headers={"": "b"}), "''"),
    "a header whose name is a number": (ET.Response(headers={5: "b"}), "5"),
    "a cookie with a line break": (ET.Response(headers={"set-cookie": "a=b\r\nx: y"}), "'set-cookie'"),
    "headers that are no pairs": (ET.Response(headers=["x: y"]), "headers"),
    "headers that are text": (ET.Response(headers="x: y"), "headers"),
    "a pair of three": (ET.Response(headers=[("x", "y", "z")]), "headers"),
    "a line break in a list of values": (ET.Response(headers={"x-a": ["a", "b\n"]}), "'x-a'"),
    "a line break in a pair": (ET.Response(headers=[("x-a", "a"), ("x-a", "b\r\nc: d")]), "'x-a'"),
    "a list in a list of values": (ET.Response(headers={"x-a": [["a"]]}), "'x-a'"),
    "two content types": (ET.Response(headers=[("Content-Type", "a/b"), ("content-type", "c/d")]), "'content-type'"),
    "two lengths": (ET.Response(body="abc", headers={"content-length": ["3", "3"]}), "'content-length'"),
    "status 99": (ET.Response(status=99), "status is 99"),
    "status 199": (ET.Response(status=199), "status is 199"),
    "status 600": (ET.Response(status=600), "status is 600"),
    "status 1000": (ET.Response(status=1000), "status is 1000"),
    "status True": (ET.Response(status=True), "status is True"),
    "a redirect with status 1000": (ET.Redirect(url="/", status=1000), "status is 1000"),
    "a length that is too long": (ET.Response(body="abc", headers={"Content-Length": "4"}), "'content-length'"),
    "a length that is too short": (ET.Response(body="abc", headers={"content-length": "2"}), "'content-length'"),
    "a length that is none": (ET.Response(body=LONG, headers={"content-length": "x"}), "'content-length'"),
    "a transfer coding": (ET.Response(body="abc", headers={"transfer-encoding": "gzip"}), "'transfer-encoding'"),
    "a body of the wrong type": (ET.Response(body=5), "body is 5"),
    "a media type with a line break": (ET.FromFile(path=__file__, media_type="a\nb"), "'content-type'"),
    "a file with a length": (
        ET.Response(body=ET.FromFile(path=__file__), headers={"content-length": "5"}),
        "'content-length'",
    ),
}


@pytest.mark.parametrize("kind", UNSENDABLE)
def test_a_response_that_cannot_be_sent_is_500_and_the_journal_names_handler_and_part(serve: Any, raw: Any, kind: str):
    value, part = UNSENDABLE[kind]

    @zef_function
    def on_request(request: Any) -> Any:
        return value

    server = serve({"/{name}": on_request, "/value": value})
    wire = raw(server, None)
    for path in ("/handler", "/value", "/handler"):
        wire.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert wire.read_response()[::2] == (500, b"500 Internal Server Error\n")
    of_route, of_handler = journal("error")
    assert "on_request of /{name}" in of_handler["message"]
    assert "on_request" in of_handler["handler"]
    assert "route /value" in of_route["message"]
    assert all(part in entry["message"] for entry in (of_route, of_handler))
    assert (of_handler["count"], of_route["count"]) == (2, 1)


def test_a_handlers_own_refusal_is_checked_too(serve: Any, raw: Any):
    from starlette.exceptions import HTTPException

    @zef_function
    def refuses(request: Any) -> Any:
        raise HTTPException(401, "no", {"www-authenticate": "a\nb"})

    wire = raw(serve({"/": refuses}), None)
    wire.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert wire.read_response()[0] == 500
    assert "'www-authenticate'" in journal("error")[0]["message"]


def test_values_from_peers_in_invalid_responses_do_not_make_an_entry_each(serve: Any, raw: Any):
    @zef_function
    def echo(request: Any) -> Any:
        return ET.Response(headers={"x-name": request.name})

    wire = raw(serve({"/{name}": echo}), None)
    for number in range(30):
        wire.send(f"GET /{number}%0A HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert wire.read_response()[0] == 500
    (entry,) = journal("error")
    assert entry["count"] == 30


@pytest.mark.parametrize("status", [200, 204, 304, 418, 599])
def test_every_status_that_there_is_can_be_sent(serve: Any, raw: Any, status: int):
    wire = raw(serve({"/": ET.Response(status=status, body="abc", headers={"X-A": " \tä b\t"})}), None)
    for _ in range(2):  # the connection is still in step
        wire.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        if status in (204, 304):
            got, headers, _ = wire.read_head()
            body = b""
        else:
            got, headers, body = wire.read_response()
        assert got == status
        assert headers["x-a"] == "ä b"
        assert body == (b"" if status in (204, 304) else b"abc")


@pytest.mark.parametrize(
    "headers",
    [
        {"Set-Cookie": ["a=1; Path=/", "b=2"], "X-A": "c", "Content-Type": "text/x"},
        {"Set-Cookie": ("a=1; Path=/",), "set-cookie": "b=2", "x-a": ["c"], "content-type": "text/x"},
        [("set-cookie", "a=1; Path=/"), ("Set-Cookie", "b=2"), ("X-A", "c"), ("content-type", "text/x")],
        (["set-cookie", "a=1; Path=/"], ["set-cookie", "b=2"], ["x-a", "c"], ["content-type", "text/x"]),
    ],
    ids=["lists in a dict", "two spellings", "pairs", "lists of two"],
)
@pytest.mark.parametrize("status", [200, 204, 404])
@pytest.mark.parametrize("by_route", [True, False])
def test_a_header_can_come_several_times(serve: Any, raw: Any, headers: Any, status: int, by_route: bool):
    value = ET.Response(status=status, body="", headers=headers)

    @zef_function
    def on_request(request: Any) -> Any:
        return value

    wire = raw(serve({"/": value if by_route else on_request}), None)
    wire.send(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    lines = wire.read_end().decode().lower().split("\r\n")
    assert lines[0].startswith(f"http/1.1 {status}")
    assert [line for line in lines if line.startswith("set-cookie")] == ["set-cookie: a=1; path=/", "set-cookie: b=2"]
    assert lines.count("x-a: c") == 1
    assert [line for line in lines if line.startswith("content-type")] == (
        [] if status == 204 else ["content-type: text/x"]
    )


def test_a_redirect_with_a_line_break_cannot_inject_a_header():
    assert response_of(ET.Redirect(url="/a\r\nx: y")).header("location") == "/a%0D%0Ax:%20y"


def test_the_error_for_an_invalid_result_lists_the_valid_ones():
    with pytest.raises(InvalidResponse, match=r"the response is 5 \(int\); allowed: text, bytes, None"):
        response_of(5)


def test_a_response_that_nests_responses_too_deeply_is_reported(serve: Any, raw: Any):
    answer: Any = "the end"
    for _ in range(100_000):
        answer = ET.Response(body=answer)

    @zef_function
    def deep(request: Any) -> Any:
        return answer

    @zef_function
    def page(request: Any) -> Any:
        return ET.HTML(content=[[]])

    server = serve({"/deep": deep, "/page": page})
    for path, said in (("/deep", "the response is nested too deeply"), ("/page", "ET.HTML.content is [[]]")):
        wire = raw(server, None)
        wire.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert wire.read_response()[0] == 500
        assert said in journal("error")[0]["message"]
