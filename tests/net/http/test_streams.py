"""Handlers that are generators: each piece is sent as it comes."""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.net.conftest import inside, journal, said
from tests.net.wire import Wire
from zefnb import ET, FX, run, zef_function
from zefnb.net.http import thread_share

Raw = Callable[..., Wire]
# Bytes that the buffers of a loopback connection hold at most, on both sides.
BUFFERS = 32 << 20
PIECE = 65_536


def get(server: Any, path: str = "/", **options: Any) -> httpx.Response:
    return httpx.get(f"http://127.0.0.1:{server.port}{path}", timeout=30, **options)


def request(path: str = "/", version: str = "1.1", method: str = "GET") -> bytes:
    return f"{method} {path} HTTP/{version}\r\nHost: localhost\r\n\r\n".encode()


class Steps:
    """A generator, plain or async, that makes its next piece when the test says so, and records its end."""

    def __init__(self) -> None:
        self.go_on = threading.Semaphore(0)
        self.made = 0
        self.ended: list[str] = []

    def plain(self, request: Any) -> Iterator[str]:
        try:
            while True:
                self.made += 1
                yield f"piece {self.made}\n"
                self.go_on.acquire()
        except GeneratorExit:
            self.ended.append("exit")
            raise
        finally:
            self.ended.append("finally")

    async def async_(self, request: Any) -> AsyncIterator[str]:
        try:
            while True:
                self.made += 1
                yield f"piece {self.made}\n"
                while not self.go_on.acquire(blocking=False):
                    await asyncio.sleep(0.005)
        finally:
            self.ended.append("finally")


@pytest.fixture
def steps() -> Iterator[Steps]:
    made = Steps()
    yield made
    made.go_on.release(1_000)


KINDS = pytest.mark.parametrize("kind", ["plain", "async_"])


@KINDS
def test_each_piece_arrives_before_the_next_one_is_made(serve: Any, steps: Steps, kind: str):
    server = serve({"/": getattr(steps, kind)})
    with httpx.stream("GET", f"http://127.0.0.1:{server.port}/", timeout=30) as answer:
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.headers["transfer-encoding"] == "chunked"
        lines = answer.iter_lines()
        for number in range(1, 6):
            assert next(lines) == f"piece {number}"
            assert steps.made == number
            steps.go_on.release()


def plain_of(pieces: list[Any]) -> Any:
    def handler(request: Any) -> Any:
        yield from pieces

    return handler


def async_of(pieces: list[Any]) -> Any:
    async def handler(request: Any) -> Any:
        for piece in pieces:
            yield piece

    return handler


def returned_of(pieces: list[Any]) -> Any:
    return lambda request: iter(pieces)


def awaited_of(pieces: list[Any]) -> Any:
    async def handler(request: Any) -> Any:
        return async_of(pieces)(request)

    return handler


def inline_of(pieces: list[Any]) -> Any:
    return zef_function(inline=True)(lambda request: iter(pieces))


FORMS = pytest.mark.parametrize("form", [plain_of, async_of, returned_of, awaited_of, inline_of])


@FORMS
@pytest.mark.parametrize(
    ("pieces", "kind", "body"),
    [
        (["a", "ü", b"\xff", "", "z"], "text/plain; charset=utf-8", b"a\xc3\xbc\xffz"),
        ([b"a", "b", bytearray(b"c"), memoryview(b"d")], "application/octet-stream", b"abcd"),
        ([{"a": 1}, [2], None, "text", 5.5], "application/x-ndjson", b'{"a": 1}\n[2]\nnull\n"text"\n5.5\n'),
        ([ET.Guest(name="Ada")], "application/x-ndjson", b'{"type": "Guest", "name": "Ada"}\n'),
        ([], "text/plain; charset=utf-8", b""),
        (["x" * 1_000_000, "y" * 1_000_000], "text/plain; charset=utf-8", b"x" * 1_000_000 + b"y" * 1_000_000),
    ],
)
def test_the_first_piece_decides_about_the_content_type(
    serve: Any, form: Any, pieces: list[Any], kind: str, body: bytes
):
    server = serve({"/": form(pieces)})
    for _ in range(2):
        answer = get(server)
        assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, kind, body)


def test_a_response_gives_the_status_and_the_headers_of_a_stream(serve: Any):
    headers = {"content-type": "text/csv", "x-rows": "2"}
    server = serve({"/": lambda request: ET.Response(status=206, headers=headers, body=iter(["a,b\n", "1,2\n"]))})
    answer = get(server)
    assert (answer.status_code, answer.text) == (206, "a,b\n1,2\n")
    assert headers.items() <= answer.headers.items()


@pytest.mark.parametrize("fields", [{"status": 204}, {"status": 304}])
def test_a_status_without_a_body_does_not_start_the_iterator(serve: Any, steps: Steps, fields: dict[str, Any]):
    server = serve({"/": lambda request: ET.Response(body=steps.plain(request), **fields)})
    assert get(server).status_code == fields["status"]
    assert steps.made == 0


def test_a_condition_that_holds_ends_the_iterator(serve: Any, steps: Steps, until: Any):
    server = serve({"/": lambda request: ET.Response(body=steps.plain(request), headers={"etag": '"1"'})})
    assert get(server, headers={"if-none-match": '"1"'}).status_code == 304
    until(lambda: steps.ended == ["exit", "finally"])


def test_effects_are_performed_before_the_first_piece_is_made(serve: Any, topic: Any):
    received: list[Any] = []

    @zef_function(inline=True)
    def receive(message: Any) -> None:
        received.append(message)

    FX.SubscribeFX(topic=topic, op=receive) | run

    def pieces() -> Iterator[str]:
        yield str(received)

    server = serve({"/": lambda request: [[FX.Publish(target=topic, content="first")], pieces()]})
    assert get(server).text == "['first']"


@pytest.mark.parametrize("version", ["1.1", "1.0"])
@FORMS
def test_each_version_of_http_gets_the_pieces(serve: Any, raw: Raw, form: Any, version: str):
    wire = raw(serve({"/": form(["a", "b"])}), None)
    wire.send(request(version=version))
    if version == "1.1":
        assert wire.read_head()[1]["transfer-encoding"] == "chunked"
        assert wire.read_until(b"\r\n0\r\n\r\n").replace(b"1\r\n", b"") == b"a\r\nb\r\n0\r\n\r\n"
        wire.send(request())  # the connection is still usable
        assert wire.read_head()[0] == 200
    else:
        whole = wire.read_end()
        assert whole.endswith(b"\r\n\r\nab")
        assert b"chunked" not in whole


@KINDS
def test_head_has_the_headers_of_get_and_ends_the_generator(serve: Any, raw: Raw, steps: Steps, until: Any, kind: str):
    server = serve({"/": getattr(steps, kind)})
    wire = raw(server, None)
    wire.send(request(method="HEAD"))
    status, headers = wire.read_head()[:2]
    assert (status, headers["content-type"]) == (200, "text/plain; charset=utf-8")
    until(lambda: steps.ended[-1:] == ["finally"])
    assert steps.made == 1
    wire.send(request("/nowhere"))
    assert wire.read_response()[0] == 404


# A client that does not read, or leaves


@pytest.mark.parametrize("is_async", [False, True])
def test_a_generator_is_not_advanced_while_the_client_does_not_read(serve: Any, raw: Raw, until: Any, is_async: bool):
    made = 0
    piece = b"x" * PIECE

    def plain(request: Any) -> Iterator[bytes]:
        nonlocal made
        for _ in itertools.count():
            made += 1
            yield piece

    async def async_(request: Any) -> AsyncIterator[bytes]:
        nonlocal made
        for _ in itertools.count():
            made += 1
            yield piece

    server = serve({"/": async_ if is_async else plain, "/other": lambda request: "other"})
    wire = raw(server, None, receive_buffer=PIECE)
    wire.send(request())
    with httpx.Client() as client:

        def rests() -> bool:
            before = made
            for _ in range(100):
                assert client.get(f"http://127.0.0.1:{server.port}/other").text == "other"
            return made == before > 0

        until(rests)
        assert made * PIECE < BUFFERS
        before = made
        wire._take(BUFFERS)
        assert made > before


@KINDS
def test_a_client_that_leaves_ends_the_generator(serve: Any, raw: Raw, steps: Steps, until: Any, kind: str):
    server = serve({"/": getattr(steps, kind)})
    wire = raw(server, None)
    wire.send(request())
    wire.read_until(b"piece 1")
    wire.close()
    until(lambda: not inside(server)._state.connections)
    if kind == "plain":
        steps.go_on.release()  # it makes its piece to the end
    until(lambda: steps.ended[-1:] == ["finally"])
    assert journal("error") == []


@pytest.mark.parametrize("is_async", [False, True])
def test_a_client_that_leaves_while_it_does_not_read_ends_the_generator(
    serve: Any, raw: Raw, until: Any, is_async: bool
):
    ended: list[str] = []

    def plain(request: Any) -> Iterator[bytes]:
        try:
            while True:
                yield b"x" * PIECE
        except GeneratorExit:
            ended.append("exit")

    async def async_(request: Any) -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * PIECE
        except GeneratorExit:
            await asyncio.sleep(0)
            ended.append("exit")

    wire = raw(serve({"/": async_ if is_async else plain}), None, receive_buffer=PIECE)
    wire.send(request())
    wire.read_until(b"xxx")
    wire.close()
    until(lambda: ended == ["exit"])


def test_an_async_generator_that_ignores_its_cancellation_is_closed(serve: Any, raw: Raw, until: Any):
    ended: list[str] = []

    async def handler(request: Any) -> AsyncIterator[str]:
        try:
            yield "first"
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                ended.append("cancelled")
            yield "second"
        finally:
            ended.append("finally")

    wire = raw(serve({"/": handler}), None)
    wire.send(request())
    wire.read_until(b"first")
    wire.close()
    until(lambda: ended == ["cancelled", "finally"])


@KINDS
def test_stopping_the_server_ends_the_generators(serve: Any, raw: Raw, steps: Steps, until: Any, kind: str):
    server = serve({"/": getattr(steps, kind)})
    wire = raw(server, None)
    wire.send(request())
    wire.read_until(b"piece 1")
    FX.StopHTTPServer(server=server) | run
    steps.go_on.release() if kind == "plain" else None
    until(lambda: steps.ended[-1:] == ["finally"])
    assert b"\r\n0\r\n\r\n" not in wire.read_end()


def test_streams_that_wait_for_their_clients_hold_no_threads(serve: Any, raw: Raw, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(thread_share, "HTTP_THREADS", 4)
    monkeypatch.setattr(thread_share, "ONE_HANDLER_THREADS", 3)

    def endless(request: Any) -> Iterator[bytes]:
        while True:
            yield b"x" * PIECE

    server = serve({"/": endless, "/other": lambda request: "other"})
    for _ in range(8):
        wire = raw(server, None, receive_buffer=PIECE)
        wire.send(request())
        wire.read_until(b"xxx")
    assert [get(server, "/other").text for _ in range(10)] == ["other"] * 10


# Errors


def broken_plain(request: Any) -> Iterator[str]:
    yield "first"
    raise ValueError("broken by the test")


async def broken_async(request: Any) -> AsyncIterator[str]:
    yield "first"
    raise ValueError("broken by the test")


def exits(request: Any) -> Iterator[str]:
    yield "first"
    raise SystemExit("broken by the test")


def wrong_piece(request: Any) -> Iterator[Any]:
    yield "first"
    yield {"broken": "by the test"}


@pytest.mark.parametrize("version", ["1.1", "1.0"])
@pytest.mark.parametrize("handler", [broken_plain, broken_async, exits, wrong_piece])
def test_an_error_in_the_middle_ends_the_connection_visibly(serve: Any, raw: Raw, handler: Any, version: str):
    server = serve({"/": handler})
    wire = raw(server, None)
    wire.send(request(version=version))
    received = b""
    try:
        while data := wire.socket.recv(4096):
            received += data
    except ConnectionResetError:
        assert version == "1.0"
    else:
        assert version == "1.1"
        assert received.endswith(b"first\r\n")
    [entry] = journal("error")
    assert "broken" in entry["message"]
    assert f"handler {handler.__name__} of /" in entry["message"]


class ExitingError(Exception):
    def __str__(self) -> str:
        raise SystemExit


@pytest.mark.parametrize("form", [plain_of, async_of])
def test_an_error_in_the_middle_whose_text_cannot_be_made_is_in_the_journal(serve: Any, form: Any, until: Any):
    def plain(request: Any) -> Iterator[str]:
        yield "first"
        raise ExitingError

    async def async_(request: Any) -> AsyncIterator[str]:
        yield "first"
        raise ExitingError

    with pytest.raises(httpx.RemoteProtocolError):
        get(serve({"/": plain if form is plain_of else async_}))
    assert said("ExitingError")()


@pytest.mark.parametrize("form", [plain_of, async_of])
def test_an_error_before_the_first_piece_is_500(serve: Any, form: Any):
    def plain(request: Any) -> Iterator[str]:
        raise ValueError("broken by the test")
        yield ""

    async def async_(request: Any) -> AsyncIterator[str]:
        raise ValueError("broken by the test")
        yield ""

    server = serve({"/": plain if form is plain_of else async_})
    assert get(server).status_code == 500
    assert said("ValueError: broken by the test")()


@FORMS
@pytest.mark.parametrize("piece", [object(), FX.Log(content="x"), {"a": b"bytes"}])
def test_a_first_piece_that_cannot_be_sent_is_500(serve: Any, form: Any, piece: Any):
    assert get(serve({"/": form([piece])})).status_code == 500
    assert len(journal("error")) == 1


def test_an_error_at_the_end_of_a_generator_is_in_the_journal(serve: Any, raw: Raw, until: Any):
    def handler(request: Any) -> Iterator[bytes]:
        try:
            while True:
                yield b"x" * PIECE
        finally:
            raise ValueError("broken by the test")

    wire = raw(serve({"/": handler}), None, receive_buffer=PIECE)
    wire.send(request())
    wire.read_until(b"xxx")
    wire.close()
    until(said("ValueError: broken by the test"))


def test_an_iterator_cannot_be_the_value_of_a_route(serve: Any):
    with pytest.raises(Exception, match="or a handler"):
        serve({"/": iter(["a"])})


# The context of a generator

variable: contextvars.ContextVar[int] = contextvars.ContextVar("variable", default=0)


@pytest.mark.parametrize("is_async", [False, True])
def test_a_generator_keeps_its_own_context(serve: Any, is_async: bool):
    def plain(request: Any) -> Iterator[Any]:
        for _ in range(5):
            variable.set(variable.get() + 1)
            yield [variable.get()]

    async def async_(request: Any) -> AsyncIterator[Any]:
        for _ in range(5):
            variable.set(variable.get() + 1)
            yield [variable.get()]

    server = serve({"/": async_ if is_async else plain})
    for _ in range(2):
        assert [json.loads(line) for line in get(server).text.splitlines()] == [[1], [2], [3], [4], [5]]
