"""Admission: foreign pages are refused under any name, and programs are accepted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.net.conftest import inside, journal, said
from tests.net.wire import Wire, frame, handshake
from zefnb import ET, FX, run
from zefnb.errors import InvalidEffect
from zefnb.net.hosts import machine_hosts, split_host
from zefnb.net.http.admission import Admission, list_faults

Raw = Callable[..., Wire]

OURS = ["localhost", "LOCALHOST", "localhost.", "app.localhost", "127.0.0.1", "127.1.2.3", "[::1]"]
FOREIGN = [
    "evil.example",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "evillocalhost",
    "localhost@evil.example",
    "evil.example#localhost",
    "evil.example?localhost",
    "evil.example/localhost",
    "192.0.2.1",
    "0.0.0.0",
    "[2001:db8::1]",
    "[::1].evil.example",
    "127.0.0.1:80:90",
    "2130706433",
    "0x7f.0.0.1",
    "127.0.0.1 evil.example",
    "lоcalhost",  # the second letter is Cyrillic
]


@pytest.mark.parametrize("host", OURS)
@pytest.mark.parametrize("port", ["", ":1", ":8000"])
def test_loopback_hosts_of_every_name_and_port_are_accepted(host: str, port: str):
    assert Admission().host_fits(host + port)
    assert Admission().origin_fits(f"http://{host}{port}")
    assert Admission().origin_fits(f"HTTPS://{host.upper()}{port}")


@pytest.mark.parametrize("host", [*FOREIGN, "", None])
def test_a_foreign_host_is_not(host: str | None):
    assert not Admission(["hub.example"], ["https://hub.example"]).host_fits(host)


@pytest.mark.parametrize(
    "origin",
    [
        *(f"http://{host}" for host in FOREIGN),
        "null",
        "",
        "localhost",
        "//localhost",
        "http:/localhost",
        "http://",
        "http://localhost/",
        "http://user@localhost",
        "http://localhost\\@evil.example",
        "file://",
        "file://localhost",
        "data:text/html,x",
        "chrome-extension://localhost",
        "javascript://localhost",
        "http://evil.example, http://localhost",
        "http://localhost, http://evil.example",
        "http://localhost http://evil.example",
        "http://[::1",
        "http://localhost:99999",
    ],
)
def test_a_foreign_origin_in_any_spelling_is_refused(origin: str):
    assert not Admission(["hub.example"], ["https://hub.example"]).origin_fits(origin)


def test_a_request_without_origin_passes():
    assert Admission().origin_fits(None)


def test_an_allowed_host_must_match_completely():
    admission = Admission(["Hub.Example", "other.example:8443", "2001:db8::7", "[2001:db8::8]:81"])
    for host in (
        "hub.example",
        "HUB.example.",
        "hub.example:1",
        "other.example:8443",
        "[2001:DB8::7]",
        "[2001:db8:0::8]:81",
    ):
        assert admission.host_fits(host), host
    for host in (
        "sub.hub.example",
        "hub.example.evil",
        "xhub.example",
        "other.example",
        "other.example:443",
        "[2001:db8::8]",
    ):
        assert not admission.host_fits(host), host


def test_an_allowed_origin_must_match_completely():
    admission = Admission(allowed_origins=["https://App.example", "http://tool.example:8080"])
    for origin in ("https://app.example", "https://APP.example:443", "http://tool.example:8080"):
        assert admission.origin_fits(origin), origin
    for origin in (
        "http://app.example",
        "https://app.example:444",
        "https://app.example.evil",
        "https://evil.app.example",
        "https://app.example/",
        "http://tool.example",
        "http://tool.example:80800",
    ):
        assert not admission.origin_fits(origin), origin


def test_a_page_of_an_allowed_host_is_accepted_from_the_servers_port_or_a_default_port():
    admission = Admission(["hub.example", "dev.example:3000"])
    admission.port = 8000
    for origin in ("http://hub.example", "https://hub.example", "http://hub.example:8000", "http://dev.example:3000"):
        assert admission.origin_fits(origin), origin
    for origin in ("http://hub.example:8001", "ftp://hub.example", "http://dev.example", "http://dev.example:3001"):
        assert not admission.origin_fits(origin), origin


@pytest.mark.parametrize("field", ["allowed_hosts", "allowed_origins"])
@pytest.mark.parametrize(
    "given", ["*", "*.example", "", 5, None, "https://app.example/path", "http://user@app.example"]
)
def test_an_entry_that_could_match_too_much_raises(field: str, given: Any):
    (fault,) = list_faults(field, [given])
    assert fault.field == field
    with pytest.raises(InvalidEffect, match=field):
        FX.StartHTTPServer(routes={"/": "x"}, port=0, **{field: [given]}) | run


def test_an_allowed_origin_has_a_scheme_and_an_allowed_host_has_none():
    assert list_faults("allowed_origins", ["app.example"])
    assert list_faults("allowed_hosts", ["https://app.example"])
    assert not list_faults("allowed_origins", ["https://app.example", "http://[::1]:80"])
    assert not list_faults("allowed_hosts", ["app.example", "app.example:80", "[2001:db8::1]:80"])


def test_the_machines_own_names_are_accepted():
    admission = Admission()
    admission.allow_machine()
    assert machine_hosts()
    for host in machine_hosts():
        assert admission.host_fits(f"[{host}]" if ":" in host else host)


@given(st.text(max_size=40))
def test_any_header_is_accepted_or_refused_and_never_raises(text: str):
    admission = Admission(["hub.example"], ["https://hub.example"])
    name, _ = split_host(text)
    if admission.host_fits(text):
        assert name == "hub.example" or name.endswith("localhost") or name.startswith("127.") or ":" in name
    admission.origin_fits(text)
    admission.origin_fits(f"http://{text}")


# On the wire


@pytest.fixture
def server(serve: Any, topic: Any) -> Any:
    return serve(
        {"/": "hello", "/ws": ET.WebSocket(clients_subscribe_to=[topic], clients_push_into_=[topic])},
        allowed_hosts=["hub.example"],
        allowed_origins=["https://app.example"],
    )


def answered(raw: Raw, server: Any, request: bytes) -> int:
    wire = raw(server, None)
    wire.send(request)
    return wire.read_head()[0]


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "0.0.0.0", "192.0.2.1:80"])
def test_a_foreign_host_gets_403(server: Any, raw: Raw, host: str):
    assert answered(raw, server, handshake(host=host)) == 403
    assert answered(raw, server, f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()) == 403
    assert answered(raw, server, f"GET /nowhere HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()) == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://app.example.evil", "http://app.example"])
def test_a_foreign_origin_gets_403(server: Any, raw: Raw, origin: str):
    assert answered(raw, server, handshake(Origin=origin)) == 403
    assert answered(raw, server, f"GET / HTTP/1.1\r\nHost: localhost\r\nOrigin: {origin}\r\n\r\n".encode()) == 403
    # Its own Host does not vouch for a page that came by DNS rebinding.
    assert answered(raw, server, handshake(host="evil.example", Origin="http://evil.example")) == 403


def test_of_two_origin_headers_the_foreign_one_decides(server: Any, raw: Raw):
    for first, second in (("http://localhost", "http://evil.example"), ("http://evil.example", "http://localhost")):
        request = f"GET / HTTP/1.1\r\nHost: localhost\r\nOrigin: {first}\r\nOrigin: {second}\r\n\r\n"
        assert answered(raw, server, request.encode()) == 403


@pytest.mark.parametrize(
    "origin", ["", "http://localhost:8888", "https://app.example", "http://[::1]:3000", "https://hub.example"]
)
@pytest.mark.parametrize("host", ["localhost", "hub.example", "HUB.EXAMPLE.:80", "[::1]:1"])
def test_allowed_hosts_and_origins_are_accepted(server: Any, raw: Raw, origin: str, host: str):
    wire = raw(server, None)
    wire.send(handshake(host=host, Origin=origin), frame("hello"))
    assert wire.read_head()[0] == 101
    assert wire.read().payload == b"hello"
    request = f"GET / HTTP/1.1\r\nHost: {host}\r\n" + (f"Origin: {origin}\r\n" if origin else "") + "\r\n"
    assert answered(raw, server, request.encode()) == 200


def test_the_journal_says_how_to_allow_a_refused_request(server: Any, raw: Raw, until: Any):
    for _ in range(3):
        answered(raw, server, handshake(host="new.example:81"))
        answered(raw, server, handshake(Origin="https://new.example"))
    host = until(said("Host 'new.example:81'", "warning"))
    origin = until(said("Origin 'https://new.example'", "warning"))
    assert "allowed_hosts=['new.example:81']" in host["message"]
    assert "allowed_origins=['https://new.example']" in origin["message"]
    assert (host["count"], origin["count"], host["server"]) == (3, 3, server)
    assert (FX.QueryHTTPServer(server=server) | run)["refused"] == 6
    followed = inside(server).admission.__class__(["new.example:81"], ["https://new.example"])
    assert followed.host_fits("new.example:81")
    assert followed.origin_fits("https://new.example")


@pytest.mark.parametrize("origin", ["null", "file://", "https://new.example/page", "*", "https://*.example"])
def test_the_journal_advises_no_origin_that_cannot_be_allowed(server: Any, raw: Raw, until: Any, origin: str):
    assert list_faults("allowed_origins", [origin])
    answered(raw, server, handshake(Origin=origin))
    message = until(said(f"Origin '{origin}'", "warning"))["message"]
    assert "allowed_origins" not in message
    assert "serve it by a route" in message


def test_the_journal_does_not_repeat_long_headers_of_a_peer(server: Any, raw: Raw):
    answered(raw, server, handshake(host="x" * 5_000 + ".example"))
    (entry,) = journal("warning")
    assert len(entry["message"]) < 600


def test_refusals_without_end_leave_a_journal_of_bounded_size(server: Any, raw: Raw):
    wire = raw(server, None)
    for number in range(1_200):
        wire.send(f"GET / HTTP/1.1\r\nHost: {number}.example\r\n\r\n".encode())
        assert wire.read_response()[0] == 403
    assert len(journal("warning")) <= 1_000
