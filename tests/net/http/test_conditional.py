"""Conditional requests: a client that has the newest version gets 304 and no content."""

from __future__ import annotations

import os
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from zefnb import ET, zef_function

Ask = Callable[..., tuple[int, dict[str, str], bytes]]
CONTENT = b"0123456789" * 10_000
MODIFIED = 1_700_000_000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "data.bin"
    path.write_bytes(CONTENT)
    os.utime(path, (MODIFIED, MODIFIED))
    return path


@pytest.fixture(params=["route", "handler", "response"])
def ask(request: pytest.FixtureRequest, serve: Any, raw: Any, file: Path) -> Ask:
    """`ask(header=value)` for a file, which a route has, or a handler returns, by itself or in a response."""
    value = ET.FromFile(path=file)

    @zef_function
    def on_request(request: Any) -> Any:
        return value

    routes = {"route": value, "handler": on_request, "response": ET.Response(body=value, headers={"x-a": "b"})}
    wire = raw(serve({"/": routes[request.param], ("POST", "/"): on_request}), None)

    def send(method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
        lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        wire.send("\r\n".join([f"{method} / HTTP/1.1", "Host: localhost", *lines, "", ""]).encode())
        # All by one connection: content behind a 304 would be read as the next response.
        status, given, _ = wire.read_head()
        has_body = method != "HEAD" and status not in (304,)
        return status, given, wire._take(int(given.get("content-length", "0"))) if has_body else b""

    return send


def date(seconds: int) -> str:
    return formatdate(MODIFIED + seconds, usegmt=True)


def test_a_file_has_a_version_and_a_client_that_has_it_gets_304(ask: Ask):
    status, headers, body = ask()
    assert (status, body) == (200, CONTENT)
    assert headers["last-modified"] == date(0)
    for asked in ({"If_None_Match": headers["etag"]}, {"If_Modified_Since": headers["last-modified"]}):
        for method in ("GET", "HEAD"):
            status, again, body = ask(method, **asked)
            assert (status, body) == (304, b"")
            assert again["etag"] == headers["etag"]
            assert "content-length" not in again
    assert ask()[::2] == (200, CONTENT)


def test_a_file_that_has_changed_is_sent(ask: Ask, file: Path):
    _, before, _ = ask()
    file.write_bytes(b"new")
    os.utime(file, (MODIFIED + 5, MODIFIED + 5))
    for asked in ({"If_None_Match": before["etag"]}, {"If_Modified_Since": before["last-modified"]}):
        status, after, body = ask(**asked)
        assert (status, body) == (200, b"new")
        assert after["etag"] != before["etag"]


@pytest.mark.parametrize(
    ("header", "value", "expected"),
    [
        ("If_None_Match", "*", 304),
        ("If_None_Match", "W/ETAG", 304),
        ("If_None_Match", '"other", ETAG', 304),
        ("If_None_Match", '"a,b" , W/"c",ETAG', 304),
        ("If_None_Match", '"other"', 200),
        ("If_None_Match", "", 200),
        ("If_None_Match", "nonsense", 200),
        ("If_None_Match", "xETAGx", 304),
        ("If_Modified_Since", date(0), 304),
        ("If_Modified_Since", date(60), 304),
        ("If_Modified_Since", date(-1), 200),
        ("If_Modified_Since", "Tuesday, 14-Nov-23 22:13:20 GMT", 304),
        ("If_Modified_Since", "Tue Nov 14 22:13:20 2023", 304),
        ("If_Modified_Since", "yesterday", 200),
        ("If_Modified_Since", "Tue, 99 Nov 2023 22:13:20 GMT", 200),
        ("If_Modified_Since", "Tue, 14 Nov 99999999999 22:13:20 GMT", 200),
        ("If_Match", "ETAG", 200),
        ("If_Match", "*", 200),
        ("If_Match", '"other"', 412),
        ("If_Match", "W/ETAG", 412),
        ("If_Unmodified_Since", date(0), 200),
        ("If_Unmodified_Since", date(-1), 412),
        ("If_Unmodified_Since", "never", 200),
    ],
)
def test_conditions_are_those_of_rfc_9110(ask: Ask, header: str, value: str, expected: int):
    tag = ask("HEAD")[1]["etag"]
    status, _, body = ask(**{header: value.replace("ETAG", tag)})
    assert status == expected
    assert (body == CONTENT) is (expected == 200)


def test_of_two_conditions_the_tag_counts(ask: Ask):
    tag = ask("HEAD")[1]["etag"]
    assert ask(If_None_Match='"other"', If_Modified_Since=date(60))[0] == 200
    assert ask(If_None_Match=tag, If_Modified_Since=date(-60))[0] == 304
    assert ask(If_Match='"other"', If_None_Match=tag)[0] == 412
    assert ask(If_Match=tag, If_Unmodified_Since=date(-60))[0] == 200


def test_a_post_gets_a_full_response_in_any_case(ask: Ask):
    tag = ask("HEAD")[1]["etag"]
    assert ask("POST", If_None_Match=tag, Content_Length="0")[0] == 200


def test_a_range_is_sent_if_the_condition_holds(ask: Ask):
    tag = ask("HEAD")[1]["etag"]
    assert ask(Range="bytes=2-4")[::2] == (206, b"234")
    assert ask(Range="bytes=2-4", If_Range=tag)[::2] == (206, b"234")
    assert ask(Range="bytes=2-4", If_Range='"other"')[::2] == (200, CONTENT)
    assert ask(Range="bytes=2-4", If_None_Match=tag)[0] == 304


def test_a_range_is_ignored_unless_the_method_is_get(ask: Ask):
    status, given, _ = ask("HEAD", Range="bytes=2-4")
    assert (status, given["content-length"]) == (200, str(len(CONTENT)))
    assert ask(Range="bytes=2-4")[::2] == (206, b"234")


def test_a_handlers_own_tag_counts_and_its_other_headers_stay(serve: Any, raw: Any):
    @zef_function
    def report(request: Any) -> Any:
        headers = {"ETag": 'W/"7"', "Cache-Control": "no-cache", "Set-Cookie": "a=b", "Content-Type": "text/x"}
        return ET.Response(body="report", headers=headers)

    wire = raw(serve({"/": report}), None)
    wire.send(b'GET / HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: "7"\r\n\r\n')
    status, headers, _ = wire.read_head()
    assert status == 304
    assert (headers["cache-control"], headers["set-cookie"], headers["etag"]) == ("no-cache", "a=b", 'W/"7"')
    assert "content-type" not in headers
    wire.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert wire.read_response()[::2] == (200, b"report")
