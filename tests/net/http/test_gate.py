"""The gate: what a page of elsewhere cannot have a browser do, by request and by handshake."""

from __future__ import annotations

from typing import Any

import pytest

from tests.net.conftest import journal
from tests.net.wire import handshake
from zefnb import ET, FX, run, zef_function
from zefnb.net.http.admission import Admission
from zefnb.net.http.gate import Asked, Gate

ran: list[str] = []


@zef_function
def wipe(request: Any) -> Any:
    ran.append(request.path)
    return "wiped"


@pytest.fixture
def server(serve: Any, topic: Any) -> Any:
    ran.clear()
    routes = {"/wipe": wipe, ("POST", "/wipe"): wipe, "/ws": ET.WebSocket(clients_subscribe_to=[topic])}
    return serve(routes, allowed_origins=["https://app.example"])


def request(*lines: str, method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} /wipe HTTP/1.1", "Host: localhost", *lines, "", ""]).encode()


def status(raw: Any, server: Any, said: bytes) -> int:
    wire = raw(server, None)
    wire.send(said)
    return int(wire.read_head()[0])


ELSEWHERE = {
    "an image": ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image"],
    "a form that is sent": ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "X-Method: POST"],
    "an embedded object": ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: embed"],
    "other letters": ["sec-fetch-site:  CROSS-SITE "],
    "an unknown word": ["Sec-Fetch-Site: elsewhere"],
    "two values": ["Sec-Fetch-Site: none", "Sec-Fetch-Site: cross-site"],
    "a page that is named": ["Sec-Fetch-Site: cross-site", "Referer: https://evil.example/page"],
    "a look-alike": ["Sec-Fetch-Site: cross-site", "Referer: https://app.example.evil/"],
}
OURS = {
    "a program": [],
    "an address typed": ["Sec-Fetch-Site: none", "Sec-Fetch-Mode: navigate"],
    "a page of ours": ["Sec-Fetch-Site: same-origin"],
    "a page of another port of this machine": ["Sec-Fetch-Site: same-site"],
    "an image of an allowed page": ["Sec-Fetch-Site: cross-site", "Referer: https://app.example/"],
    "an image of this machine's other name": ["Sec-Fetch-Site: cross-site", "Referer: http://127.0.0.1:8888/lab"],
    "a script of an allowed page": ["Sec-Fetch-Site: cross-site", "Origin: https://app.example"],
}


@pytest.mark.parametrize("kind", ELSEWHERE)
def test_what_a_page_of_elsewhere_embeds_is_refused_before_its_handler_runs(server: Any, raw: Any, kind: str):
    method = "POST" if "X-Method: POST" in ELSEWHERE[kind] else "GET"
    assert status(raw, server, request(*ELSEWHERE[kind], method=method)) == 403
    assert ran == []
    (line,) = journal("warning")
    assert "refused a request with Sec-Fetch-Site" in line["message"]
    assert (FX.QueryHTTPServer(server=server) | run)["refused"] == 1


@pytest.mark.parametrize("kind", ELSEWHERE)
def test_its_handshakes_are_refused_by_both_ways_in(server: Any, raw: Any, kind: str):
    fields = dict(line.split(":", 1) for line in ELSEWHERE[kind])
    for more in ({}, {"Sec-WebSocket-Protocol": "x"}):
        head = handshake("/ws", **{**fields, **more})
        assert status(raw, server, head) == 403


@pytest.mark.parametrize("kind", OURS)
def test_programs_and_pages_of_ours_pass(server: Any, raw: Any, kind: str):
    assert status(raw, server, request(*OURS[kind])) == 200
    assert status(raw, server, handshake("/ws", **dict(line.split(": ", 1) for line in OURS[kind]))) == 101
    assert ran == ["/wipe"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_link_from_elsewhere_may_be_followed(server: Any, raw: Any, method: str):
    visit = ("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document")
    assert status(raw, server, request(*visit, method=method)) == 200


def test_a_neighbour_under_the_same_domain_is_another_site():
    gate = Gate(Admission(allowed_hosts=["lab.example.org"]))
    assert gate.refusal(Asked("GET", "lab.example.org", sites=["same-site"])) is not None
    assert gate.refusal(Asked("GET", "lab.example.org", sites=["same-origin"])) is None
    assert gate.refusal(Asked("GET", "localhost:8000", sites=["same-site"])) is None


def test_many_made_up_names_are_a_bounded_number_of_lines(server: Any, raw: Any):
    for number in range(60):
        assert status(raw, server, request(f"Origin: https://evil{number}.example")) == 403
    (line,) = journal("warning")
    assert line["count"] == 60


def test_no_answer_is_guessed_to_be_of_another_kind(server: Any, raw: Any):
    for said in (
        request(),
        request("Origin: https://evil.example"),
        b"GET /no HTTP/1.1\r\nHost: a\r\n\r\n",
        b"x\r\n\r\n",
    ):
        wire = raw(server, None)
        wire.send(said)
        assert wire.read_head()[1]["x-content-type-options"] == "nosniff"
