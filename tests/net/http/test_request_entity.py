"""The message that a handler receives: every value of a name, and the body in the form in which it is read."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from tests.net.conftest import journal
from zefnb import ET, zef_function
from zefnb.core.record import fields_of
from zefnb.errors import InvalidBody, MissingField

seen: list[Any] = []
Post = Callable[..., int]


@zef_function
def keep(request: Any) -> Any:
    seen.append(request)
    return "kept"


@pytest.fixture
def post(serve: Any, raw: Any) -> Post:
    """`post(body, header, ...)` returns the status; `seen` has what the handler received."""
    seen.clear()

    @zef_function
    def read_json(request: Any) -> Any:
        return ET.JSON(content=request.json)

    @zef_function
    async def read_text(request: Any) -> Any:
        return request.text

    @zef_function(inline=True)
    def read_bytes(request: Any) -> Any:
        return request.body_bytes

    routes = {("POST", f"/{each.__name__}"): each for each in (keep, read_json, read_text, read_bytes)}
    server = serve(routes)

    def send(body: bytes, *lines: str, to: str = "/keep") -> tuple[int, bytes]:
        wire = raw(server, None)
        head = "\r\n".join([f"POST {to} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", *lines, "", ""])
        wire.send(head.encode("latin-1"), body)
        status, _, answer = wire.read_response()
        return status, answer

    return send


def test_all_values_of_a_repeated_name_are_available(post: Post):
    post(b"", "X-Tag: a", "x-tag: b", "Cookie: c=d", to="/keep?tag=a&tag=b%20c&other=&tag=a")
    (request,) = seen
    assert request.query_params == {"tag": "a", "other": ""}
    assert request.query_lists == {"tag": ["a", "b c", "a"], "other": [""]}
    assert (request.headers["x-tag"], request.header_lists["x-tag"]) == ("a", ["a", "b"])
    assert request.header_lists["cookie"] == ["c=d"]
    assert request.header_lists.keys() == request.headers.keys()
    assert (request.form_data, request.form_lists) == ({}, {})


@pytest.mark.parametrize("size", [1, 5_000])
def test_each_value_of_a_form_is_available(post: Post, size: int):
    long = "x" * size
    post(f"tag=a&tag={long}".encode(), "Content-Type: application/x-www-form-urlencoded")
    part = '--b\r\nContent-Disposition: form-data; name="f"; filename="{}"\r\n\r\n{}\r\n'
    body = part.format("one", "1") + part.format("two", long) + "--b--\r\n"
    post(body.encode(), "Content-Type: multipart/form-data; boundary=b")
    form, files = seen
    assert (form.form_data, form.form_lists) == ({"tag": long}, {"tag": ["a", long]})
    assert [file["filename"] for file in files.form_lists["f"]] == ["one", "two"]
    assert files.form_data["f"]["content"] == long.encode()


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        (b"caf\xc3\xa9", "", "café"),
        (b"caf\xc3\xa9", "text/plain", "café"),
        (b"caf\xe9", "text/plain; charset=latin1", "café"),
        (b"caf\xe9", 'text/plain; format=flowed; Charset="ISO-8859-1"', "café"),
        (b"\x80", "text/plain; charset=windows-1252", "€"),
        ("café".encode("utf-16"), "text/plain;charset=utf-16", "café"),
        (b"caf\xc3\xa9", "text/plain; charset=latin1", "cafÃ©"),
        (b"\xef\xbb\xbfa", "text/plain", "\ufeffa"),
        (b"plain", "application/octet-stream", "plain"),
        (b"", "", ""),
    ],
)
def test_text_is_decoded_by_the_charset_and_bytes_are_unchanged(post: Post, body: bytes, kind: str, text: str):
    lines = [f"Content-Type: {kind}"] if kind else []
    post(body, *lines)
    (request,) = seen
    assert (request.text, request.body_bytes) == (text, body)
    assert type(request.body_bytes) is bytes
    assert post(body, *lines, to="/read_text") == (200, text.encode())
    assert post(body, *lines, to="/read_bytes") == (200, body)


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("latin-1", "latin-1"),
        ("ISO_8859-1", "latin-1"),
        ("iso8859-15", "iso-8859-15"),
        ("cp1252", "cp1252"),
        ("'utf-8'", "utf-8"),
        ("UTF_8", "utf-8"),
        ("", "utf-8"),
        ('""', "utf-8"),
        ("Shift-JIS", "ascii"),
    ],
)
def test_the_name_of_a_charset_has_the_spellings_that_clients_use(post: Post, name: str, codec: str):
    text = "x" if codec == "ascii" else "süß"
    kind = f"Content-Type: text/plain; charset={name}"
    assert post(text.encode(codec), kind, to="/read_text") == (200, text.encode())


@pytest.mark.parametrize(
    "body", [b'{"a": [1, null, "\xc3\xa9"]}', b" 5 ", '"ü"'.encode("utf-16"), b"\xef\xbb\xbf[]", b"null"]
)
def test_json_is_its_value(post: Post, body: bytes):
    assert post(body, "Content-Type: application/json", to="/read_json")[0] == 200


@pytest.mark.parametrize(
    ("body", "kind", "to", "why"),
    [
        (b"", "application/json", "json", "not JSON"),
        (b"{", "application/json", "json", "not JSON"),
        (b'{"a": NaN}', "application/json", "json", "not JSON"),
        (b"[" * 100_000, "application/json", "json", "not JSON"),
        (b"9" * 5_000, "application/json", "json", "not JSON"),
        (b"\xff\xff", "application/json", "json", "not JSON"),
        (b"\xff\xff", "text/plain", "text", "cannot be decoded by its charset"),
        (b"\xc3", "text/plain; charset=us-ascii", "text", "cannot be decoded by its charset"),
        (b"x", "text/plain; charset=punycode", "text", "charset of the body is not known"),
        (b"x", "text/plain; charset=made-up", "text", "charset of the body is not known"),
    ],
)
def test_a_body_of_another_kind_gets_400_and_is_no_error_of_the_handler(
    post: Post, body: bytes, kind: str, to: str, why: str
):
    for _ in range(2):
        status, answer = post(body, f"Content-Type: {kind}", to=f"/read_{to}")
        assert status == 400
        assert why in answer.decode()
    assert journal("warning") == []
    (entry,) = journal("info")
    assert entry["count"] == 2
    assert post(b"5", to=f"/read_{to}")[0] == 200


def test_a_handler_can_catch_the_error_of_an_invalid_body():
    request = ET.Request(headers={"content-type": "application/json"}, body="{")
    with pytest.raises(InvalidBody, match="the body is not JSON") as caught:
        request.json  # noqa: B018
    assert isinstance(caught.value, ValueError)


def test_a_computed_attribute_is_not_a_field():
    request = ET.Request(body='{"a": 1}', headers={})
    assert request.json == {"a": 1}
    assert fields_of(request).keys() == {"body", "headers"}
    assert repr(request) == "ET.Request(body='{\"a\": 1}', headers={})"
    for other in (copy.deepcopy(request), pickle.loads(pickle.dumps(request))):
        assert (other, other.json) == (request, {"a": 1})
    with pytest.raises(MissingField):
        ET.Request().json  # noqa: B018


def test_a_variable_of_the_path_comes_first(serve: Any, raw: Any):
    wire = raw(serve({"/{json}/{text}": lambda request: f"{request.json} {request.text}"}), None)
    wire.send(b"GET /one/two HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert wire.read_response()[2] == b"one two"
