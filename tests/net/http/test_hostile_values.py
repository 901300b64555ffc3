"""Values of peers that could make our own code raise: a response, and no output in the user's cell."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from typing import Any

import h11
import pytest

from tests.net.conftest import inside, journal
from tests.net.wire import Wire, frame, handshake
from zefnb import ET, FX, run, zef_function
from zefnb.net.http import body as body_module
from zefnb.net.http.chunks import EXTENSIONS_LIMIT
from zefnb.net.http.forms import FIELDS_LIMIT
from zefnb.net.http.strict import HEAD_LIMIT, HEADERS_LIMIT, TRAILERS_LIMIT, StrictConnection


@zef_function
def kind_of(request: Any) -> Any:
    return " ".join(type(value).__name__ for value in request.path_params.values())


@pytest.fixture
def server(serve: Any, topic: Any, no_pings: None) -> Any:
    socket = ET.WebSocket(clients_subscribe_to=[topic], clients_push_into_=[topic])
    paths = {f"/{kind}/{{n:{kind}}}": kind_of for kind in ("int", "float", "path", "uuid", "str")}
    sockets = {f"/ws/{kind}/{{n:{kind}}}": socket for kind in ("int", "float", "path")}
    return serve({**paths, **sockets, "/ws": socket, "/": "up", ("POST", "/"): kind_of})


def get(path: str = "/", *lines: str, method: str = "GET", body: bytes = b"") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *lines, "", ""]).encode("latin-1") + body


def status(raw: Any, server: Any, said: bytes) -> int:
    wire: Wire = raw(server, None)
    wire.send(said)
    return int(wire.read_head()[0])


DIGITS = "9" * 5_000


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (f"/int/{DIGITS}", 404),
        ("/int/9", 200),
        ("/int/9%0A", 404),
        ("/int/%D9%A3", 404),
        (f"/float/{DIGITS}", 404),
        (f"/float/{DIGITS}.{DIGITS}", 404),
        ("/float/1.5", 200),
        ("/path/%00/%FF", 200),
        ("/path/%ED%A0%80", 200),
        ("/uuid/9", 404),
        ("/str/%00", 200),
        ("/%", 404),
        ("*", 404),
        ("http://localhost/int/9", 200),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_path_variable_without_a_valid_value_gets_404(server: Any, raw: Any, path: str, expected: int):
    assert status(raw, server, get(path)) == expected
    assert journal("warning") == []


@pytest.mark.parametrize("more", [{}, {"Sec_WebSocket_Protocol": "x"}], ids=["plain", "not plain"])
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (f"/ws/int/{DIGITS}", 404),
        ("/ws/int/5", 101),
        (f"/ws/float/{DIGITS}", 404),
        ("/ws/float/1.5", 101),
        ("/ws/path/%00%FF", 101),
        ("/ws?" + "&".join(["a"] * FIELDS_LIMIT), 101),
        ("/ws?" + "&".join(["a"] * (FIELDS_LIMIT + 1)), 400),
        ("/ws?%ff=%00&%zz", 101),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_handshake_with_such_a_path_gets_the_same_response_both_ways(
    server: Any, raw: Any, path: str, expected: int, more: Any
):
    assert status(raw, server, handshake(path, **more)) == expected
    assert journal("warning") == []


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["Content-Length: " + "9" * 5_000], 400),
        (["Content-Length: -1"], 400),
        (["Content-Length: +1"], 400),
        (["Content-Length: 1,2"], 400),
        (["Content-Length: \xb2"], 400),
        (["Transfer-Encoding: chunked", "", "f" * 5_000], 431),
        (["Range: bytes=" + ",".join(["0-1"] * 4_000)], 200),
        (["Cookie: \xff=;;=\xfe"], 200),
        (["Content-Type: multipart/form-data; boundary=\xff", "Content-Length: 1", "", "x"], 400),
        (["Content-Type: \xff/;;=", "Content-Length: 1", "", "x"], 200),
        (["Content-Type: application/x-www-form-urlencoded; charset=\xff", "Content-Length: 1", "", "%"], 200),
        (["Expect: nonsense"], 200),
        (["Connection: \xff"], 200),
    ],
    ids=lambda value: str(value)[:40],
)
def test_an_invalid_header_value_is_no_error_of_ours(server: Any, raw: Any, lines: list[str], expected: int):
    method = "POST" if any(line.startswith(("Content", "Transfer")) for line in lines) else "GET"
    said = "\r\n".join([f"{method} / HTTP/1.1", "Host: localhost", *lines]).encode("latin-1")
    assert status(raw, server, said + (b"" if "" in lines and "f" * 9 not in lines[-1] else b"\r\n\r\n")) == expected
    assert journal("warning") == []


@pytest.mark.parametrize(
    "host", ["[::1", "[::1]:99999", "localhost:" + DIGITS, "localhost:\xb2", "a@localhost", "[zz]", "\xff"]
)
def test_an_invalid_host_is_refused(server: Any, raw: Any, host: str):
    assert status(raw, server, f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode("latin-1")) == 403


@pytest.mark.parametrize("where", ["_try_fast_handshake", "_accept_handshake"])
def test_an_internal_error_in_a_handshake_is_500_and_one_entry_in_the_journal(
    server: Any, raw: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], where: str
):
    def broken(*args: Any) -> Any:
        raise RuntimeError("broken by the test")

    monkeypatch.setattr(inside(server).gate._endpoints, "find", broken)
    more = {} if where == "_try_fast_handshake" else {"Sec_WebSocket_Protocol": "x"}
    for _ in range(5):
        assert status(raw, server, handshake("/ws", **more)) == 500
    (entry,) = journal("error")
    assert entry["count"] == 5
    assert "a request could not be read: RuntimeError: broken by the test" in entry["message"]
    assert "Fatal error" not in "".join(capfd.readouterr())


def test_an_internal_error_in_a_request_is_500_and_the_connection_stays_open(
    server: Any, raw: Any, monkeypatch: pytest.MonkeyPatch
):
    def broken(path: str) -> Any:
        raise RuntimeError("broken by the test")

    monkeypatch.setattr(inside(server).gate._resources, "find", broken)
    wire = raw(server, None)
    for _ in range(2):
        wire.send(get())
        assert wire.read_response()[0] == 500
    (entry,) = journal("error")
    assert entry["count"] == 2


def test_a_refused_head_request_gets_a_response_without_a_body(server: Any, raw: Any):
    wire = raw(server, None)
    wire.send(b"HEAD / HTTP/1.1\r\nHost: localhost\r\nX: a\x01\r\n\r\n")
    assert wire.read_head()[0] == 400
    assert wire.read_end() == b""
    assert journal("warning") == []


@pytest.mark.parametrize(("surplus", "expected"), [(-1, 200), (0, 200), (1, 431)])
def test_a_head_of_the_maximum_size_is_accepted_and_one_more_byte_is_refused(
    server: Any, raw: Any, surplus: int, expected: int
):
    start = b"GET / HTTP/1.1\r\nHost: localhost\r\nX: "
    # What ends a head is counted from its last line's end.
    said = start.ljust(HEAD_LIMIT + surplus - 1, b"x") + b"\r\n\r\n"
    assert status(raw, server, said) == expected


@pytest.mark.parametrize(
    ("count", "expected"), [(HEADERS_LIMIT - 1, 200), (HEADERS_LIMIT, 200), (HEADERS_LIMIT + 1, 431)]
)
def test_a_head_of_the_maximum_number_of_headers_is_accepted_and_one_more_is_refused(
    server: Any, raw: Any, count: int, expected: int
):
    assert status(raw, server, get("/", *[f"X-{number}: y" for number in range(count - 1)])) == expected


@pytest.mark.parametrize(("lines", "expected"), [(10, 200), (TRAILERS_LIMIT, 431)])
def test_trailers_after_a_body_have_a_limit(server: Any, raw: Any, lines: int, expected: int):
    said = get("/", "Transfer-Encoding: chunked", method="POST", body=b"1\r\nx\r\n0\r\n" + b"a:b\r\n" * lines + b"\r\n")
    assert status(raw, server, said) == expected


def test_invalid_requests_make_a_bounded_note_and_no_output_in_the_cell(server: Any, raw: Any):
    form = ("Content-Type: multipart/form-data; boundary=b", "Content-Length: 9")
    for _ in range(20):
        assert status(raw, server, b"garbage\r\n\r\n") == 400
        assert status(raw, server, get("/", *form, method="POST", body=b"--b\r\nX\r\n\r")) == 400
    assert journal("warning") == []
    notes = [entry for entry in FX.QueryLog(level="info") | run if "refused a request with 400" in entry["message"]]
    assert [entry["count"] for entry in notes] == [20, 20]


FORMS = (b"x", b"--b\r\n\r\n\r\n--b--x", b"--b--\r\n--b", b"--b\r\nA\r\n", b"\r\n\r\n--b--", b"--b--xxxx")
PROGRAM = """
    import socket, sys
    from zefnb import *

    @zef_function
    def form(request):
        return str(len(request.form_data))

    socket_route = ET.WebSocket(clients_push_into_=[ET.Topic("t")])
    routes = {("POST", "/"): form, "/n/{n:int}": form, "/ws/{n:int}": socket_route}
    server = FX.StartHTTPServer(routes=routes, port=0) | run
    for said in eval(sys.stdin.read()):
        with socket.create_connection(("127.0.0.1", server.port)) as s:
            s.sendall(said)
            s.recv(99)
"""


def test_no_library_prints_into_the_cell():
    kind = "Content-Type: multipart/form-data; boundary=b"
    said = [get("/", kind, f"Content-Length: {len(body)}", method="POST", body=body) for body in FORMS]
    for more in ({}, {"Sec_WebSocket_Extensions": ";;"}, {"Upgrade": "h2c"}, {"Sec_WebSocket_Key": "x"}):
        said += [handshake(f"/{path}/{DIGITS}", **more) for path in ("n", "ws")]
    said += [get("/", "Connection: upgrade", "Upgrade: h2c"), b"\x16\x03\x01garbage\r\n\r\n"]
    # Not in the loop's debug mode, which reports slow steps.
    plain = {name: value for name, value in os.environ.items() if name != "PYTHONASYNCIODEBUG"}
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM)]
    done = subprocess.run(command, input=repr(said), capture_output=True, text=True, timeout=60, env=plain)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_many_tiny_chunks_delay_no_other_client(server: Any, raw: Any, until: Any):
    """h11 copies all its bytes for each chunk: 40,000 at once took a minute."""
    wire, other = raw(server, None), raw(server)
    chunks = b"1\r\nx\r\n" * 40_000 + b"0\r\n\r\n"
    wire.send(get("/", "Transfer-Encoding: chunked", method="POST"), chunks)
    rounds = 0
    while wire.silent(0.001):
        other.send(frame("?"))
        assert other.read().payload == b"?"
        rounds += 1
    assert wire.read_response()[0] == 200
    assert rounds > 5, "the other is served while the chunks are parsed"


def test_a_crowd_with_tiny_chunks_delays_no_other_client(server: Any, raw: Any):
    """All connections share the time for parsing: each had its own, and others waited for all of them."""
    other, crowd = raw(server), [raw(server, None) for _ in range(40)]
    chunks = b"1\r\nx\r\n" * 1_000 + b"0\r\n\r\n"
    for wire in crowd:
        wire.send(get("/", "Transfer-Encoding: chunked", method="POST"), chunks)
    rounds = 0
    while crowd[-1].silent(0.001):
        other.send(frame("?"))
        assert other.read().payload == b"?"
        rounds += 1
    assert [wire.read_response()[0] for wire in crowd] == [200] * len(crowd)
    assert rounds > 5, "the other is served while the chunks are parsed"


def test_a_body_does_not_stall_while_its_bytes_wait_to_be_parsed(server: Any, raw: Any, monkeypatch: Any):
    """A busy server took the time that it needed itself for the client's, and sent 408."""
    monkeypatch.setattr(body_module, "BODY_PROGRESS_TIMEOUT", 0.01)
    crowd = [raw(server, None) for _ in range(8)]
    chunks = b"1\r\nx\r\n" * 300 + b"0\r\n\r\n"
    for wire in crowd:
        wire.send(get("/", "Transfer-Encoding: chunked", method="POST") + chunks)
    assert [wire.read_response()[0] for wire in crowd] == [200] * len(crowd)


@pytest.mark.parametrize("surplus", [0, 1])
def test_the_extensions_of_all_chunks_of_a_body_have_a_limit(server: Any, raw: Any, surplus: int):
    half = b";" + b"a" * (EXTENSIONS_LIMIT // 8 - 1)
    extensions = [half] * 7 + [half + b"a" * surplus]
    wire = raw(server, None)
    for _ in range(2):  # for each body anew
        wire.send(get("/", "Transfer-Encoding: chunked", method="POST"))
        for extension in extensions:
            wire.send(b"1" + extension + b"\r\nx\r\n")
        wire.send(b"0\r\n\r\n")
        status, _, _ = wire.read_response()
        if surplus:
            break
    assert status == (431 if surplus else 200)


@pytest.mark.parametrize("cut", range(1, 12))
def test_an_extension_counts_once_wherever_the_bytes_are_cut(cut: int):
    connection = StrictConnection()
    connection.receive_data(get("/", "Transfer-Encoding: chunked", method="POST"))
    assert type(connection.next_event()) is h11.Request
    body = b""
    chunks = (b"1;" + b"a" * 998 + b"\r\nx\r\n") * 16
    for at in range(0, len(chunks), 100 * cut + 1):
        connection.receive_data(chunks[at : at + 100 * cut + 1])
        while (event := connection.next_event()) is not h11.NEED_DATA:
            body += bytes(event.data)
    assert body == b"x" * 16
    connection.receive_data(b"1;" + b"a" * 998 + b"\r\nx\r\n")
    with pytest.raises(h11.RemoteProtocolError, match="extensions"):
        connection.next_event()
