"""Plain handshakes: accepted without h11 and websockets, with exactly the response of these two."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.http11 import Request
from websockets.server import ServerProtocol

from tests.net.conftest import inside, on_loop
from tests.net.hostile import BAD_HANDSHAKES, GARBAGE
from tests.net.wire import KEY, Wire, frame, handshake
from zefnb import ET
from zefnb.net import read_scheduler
from zefnb.net.http import arrival
from zefnb.net.http.guard import StrictConnection
from zefnb.net.http.handshake import read_plain

Raw = Callable[..., Wire]


@pytest.fixture
def server(serve: Any, topic: Any) -> Any:
    room = {"clients_subscribe_to": [topic], "clients_push_into_": [topic]}
    return serve(
        {
            "/": "hello",
            "/ws": ET.WebSocket(**room),
            "/room/{name}": ET.WebSocket(**room),
            "/packed": ET.WebSocket(**room, compression=True),
            "/chat": ET.WebSocket(**room, subprotocols=["chat.v1", "chat.v2"]),
        }
    )


# Handshakes with nothing wrong in them, as various programs write them, and whether they are plain.
GOOD = {
    "as the RFC has it": (handshake(), True),
    "of Firefox": (handshake(Connection="keep-alive, Upgrade"), True),
    "of a browser": (
        handshake(
            Origin="http://localhost",
            Cookie="a=b; c=d",
            Sec_WebSocket_Extensions="permessage-deflate; client_max_window_bits",
            Cache_Control="no-cache",
            User_Agent="Mozilla/5.0 (X11; Linux x86_64; rv:140.0)",
        ),
        True,
    ),
    "in small letters": (handshake().lower().replace(b"get", b"GET").replace(b"http/", b"HTTP/"), True),
    "in capitals": (handshake().replace(b"Upgrade: websocket", b"UPGRADE: WEBSOCKET"), True),
    "without blanks": (handshake().replace(b": ", b":"), True),
    "with blanks at the ends": (handshake(Upgrade="  websocket  "), True),
    "with a query": (handshake("/ws?room=%C3%A4&who=me&empty="), True),
    "with a path that is escaped": (handshake("/room/%C3%A4%20b?x"), True),
    "with two extensions": (handshake(Sec_WebSocket_Extensions="foo; a=1; b, permessage-deflate"), True),
    "with an extension in quotes": (handshake(Sec_WebSocket_Extensions='foo; a="1"'), False),
    "with more to upgrade": (handshake(Connection="Upgrade, HTTP2-Settings"), False),
    "with a tab": (handshake(Upgrade="\twebsocket\t"), False),
    "with bare line feeds": (handshake().replace(b"\r\n", b"\n"), False),
    "with two cookies": (handshake(Cookie="a=b").replace(b"\r\n\r\n", b"\r\nCookie: c=d\r\n\r\n"), False),
    "with a subprotocol": (handshake(Sec_WebSocket_Protocol="chat.v1"), False),
    "of /zef.js": (handshake(Sec_WebSocket_Protocol="zefnb.1", Sec_WebSocket_Extensions="permessage-deflate"), True),
    "of a session among others": (handshake(Sec_WebSocket_Protocol="chat.v1, zefnb.1"), False),
    "of a session to where messages are packed": (handshake("/packed", Sec_WebSocket_Protocol="zefnb.1"), True),
    "of a session to where subprotocols are spoken": (handshake("/chat", Sec_WebSocket_Protocol="zefnb.1"), True),
    "to where subprotocols are spoken": (handshake("/chat"), True),
    "to where one of them is spoken": (handshake("/chat", Sec_WebSocket_Protocol="chat.v2, chat.v1"), False),
    "to where messages are packed": (handshake("/packed", Sec_WebSocket_Extensions="permessage-deflate"), True),
    "of 7 KB": (handshake(Cookie="x" * 7_000), True),
    "of 20 KB": (handshake(**{f"X{n}": "x" * 5_000 for n in range(4)}), False),
}
GOOD = {name: (request.replace(KEY.lower().encode(), KEY.encode()), plain) for name, (request, plain) in GOOD.items()}
REFUSED = {
    **{name: request for name, (request, _) in BAD_HANDSHAKES.items()},
    "a foreign Origin": handshake(Origin="http://evil.example"),
    "a foreign Host": handshake(host="evil.example"),
    "an empty Host": handshake().replace(b"Host: localhost", b"Host:"),
    "a key that is too long": handshake(Sec_WebSocket_Key="A" * 24 + "=="),
    "a key with a line's end": handshake(Sec_WebSocket_Key="AAAAAAAAAAAAAAAAAAAAAA==\r\n "),
    **GARBAGE,
}


# What the server knows of a client from its handshake.
TOLD = ("path", "query", "query_params", "host", "origin", "client_ip", "max_size", "is_compressed", "subprotocol")


@pytest.fixture
def answers_to(server: Any, raw: Raw, monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], list[Any]]:
    """Return the responses to a request by both ways: by itself, and through h11 and websockets."""
    # In one turn: a path that does not exist may get its response before the rest of a request is parsed.
    monkeypatch.setattr(read_scheduler, "ITERATION_BUDGET", math.inf)

    def answer(request: bytes) -> tuple[int, dict[str, str], list[list[Any]]]:
        wire = raw(server, None)
        wire.send(request)
        status, headers, _ = wire.read_response()
        told = [[getattr(client, name) for name in TOLD] for client in on_loop(inside(server).clients)[-1:]]
        wire.close()
        date = headers.pop("date", None)
        assert date is not None or status != 101
        return status, headers, told if status == 101 else []

    def answers(request: bytes) -> list[Any]:
        as_it_comes = answer(request)
        monkeypatch.setattr(arrival, "read_plain", lambda data: None)
        return [as_it_comes, answer(request)]

    return answers


@pytest.mark.parametrize("program", GOOD)
def test_zefnb_and_the_libraries_accept_a_handshake_in_the_same_way(answers_to: Any, program: str):
    request, is_plain = GOOD[program]
    assert (read_plain(request) is not None) is is_plain
    by_us, by_them = answers_to(request)
    assert by_us[0] == 101
    assert by_us == by_them


@pytest.mark.parametrize("fault", REFUSED)
def test_zefnb_and_the_libraries_refuse_with_the_same_response(answers_to: Any, fault: str):
    by_us, by_them = answers_to(REFUSED[fault])
    assert by_us[0] >= 400
    assert by_us == by_them


HEADS = (*(request for request, _ in GOOD.values()), *REFUSED.values())
EDIT = st.tuples(st.integers(0, 400), st.integers(0, 3), st.sampled_from(HEADS), st.integers(0, 400))


@given(head=st.sampled_from(HEADS), edits=st.lists(EDIT, max_size=6), byte=st.binary(max_size=2))
def test_h11_and_websockets_accept_every_handshake_that_counts_as_plain(head: bytes, edits: list[Any], byte: bytes):
    for at, length, other, begin in edits:
        head = head[:at] + other[begin : begin + length] + byte + head[at + length :]
    plain = read_plain(head)
    if plain is None:
        return
    connection = StrictConnection()
    connection.receive_data(head)
    request = connection.next_event()
    assert (request.method, request.http_version, request.target) == (b"GET", b"1.1", plain.target.encode())
    assert isinstance(connection.next_event(), h11.EndOfMessage)
    assert connection.trailing_data[0] == b""
    protocol = ServerProtocol()
    protocol.receive_data(head)
    (event,) = protocol.events_received()
    assert isinstance(event, Request)
    response = protocol.accept(event)
    assert response.status_code == 101
    assert response.headers["Sec-WebSocket-Accept"].encode() in plain.response(b"today")
    assert event.headers.get_all("Origin") == list(plain.headers.get("origin", ()))
    assert event.headers["Host"] == plain.headers["host"][0]


@pytest.mark.parametrize("fault", GARBAGE)
def test_garbage_with_an_upgrade_header_never_counts_as_plain(fault: str):
    head, end, _ = GARBAGE[fault].partition(b"\r\n\r\n")
    asking = head.replace(b"POST /told", b"GET /ws") + b"\r\n" + handshake().partition(b"localhost\r\n")[2][:-4] + end
    assert read_plain(asking) is None


def test_frames_in_the_segment_of_a_plain_handshake_are_received(server: Any, raw: Raw):
    wire = raw(server, None)
    wire.send(handshake(), frame("early"))
    assert wire.read_response()[0] == 101
    assert wire.read().payload == b"early"


def test_a_handshake_in_pieces_is_as_good(server: Any, raw: Raw, until: Any):
    request = handshake()
    for cut in (1, 3, 50, len(request) - 1):
        wire = raw(server, None)
        wire.send(request[:cut])
        wire.send(request[cut:])
        assert wire.read_response()[0] == 101
        wire.send(frame("hello"))
        assert wire.read().payload == b"hello"
        wire.close()


def test_a_client_with_a_plain_handshake_is_closed_and_pinged_as_others(server: Any, raw: Raw):
    wire = raw(server)
    wire.send(frame(b"there?", 0x9), frame("fragment", fin=False), frame("ed", 0x0), frame(b"\x03\xe8", 0x8))
    came = [wire.read() for _ in range(3)]
    assert [(each.opcode, each.payload) for each in came] == [
        (0xA, b"there?"),
        (0x1, b"fragmented"),
        (0x8, b"\x03\xe8"),
    ]
    assert wire.read_end() == b""
