"""The gate: one decision for a request, on all three ways in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from tests.net.conftest import inside, journal, on_loop
from tests.net.wire import KEY, Wire, frame, handshake
from zefnb import ET, FX, run, zef_function
from zefnb.net.http import decision as decisions
from zefnb.net.http.admission import Admission
from zefnb.net.http.decision import Accepted, Pending, Reply, Visitor, redirect, refuse
from zefnb.net.http.gate import Gate
from zefnb.net.http.handshake import read_plain
from zefnb.net.http.request_head import RequestHead

WAYS = ("plain", "upgrade", "http")
HANDSHAKE = (
    "Upgrade: websocket",
    "Connection: Upgrade",
    f"Sec-WebSocket-Key: {KEY}",
    "Sec-WebSocket-Version: 13",
)
EVIL, ALLOWED = "http://evil.example", "https://app.example"


def request(way: str, path: str, *lines: str, method: str = "GET") -> bytes:
    """A request by this way. Its path starts with that of a route of this kind."""
    base = "/page" if way == "http" else "/ws"
    asking = () if way == "http" else HANDSHAKE
    # A tab is allowed in a header, and no plain handshake has one.
    tab = ("X-Way:\tupgrade",) if way == "upgrade" else ()
    target = path.replace("BASE", base)
    return "\r\n".join([f"{method} {target} HTTP/1.1", *lines, *asking, *tab, "", ""]).encode("latin-1")


class Row(NamedTuple):
    """A request, and the status of its refusal; `None` when it is accepted.

    `differs` are the documented differences: another result by one of the ways.
    """

    refused: int | None
    lines: tuple[str, ...] = ("Host: localhost",)
    path: str = "BASE"
    differs: dict[str, int | None] = {}


def host(value: str) -> tuple[str, ...]:
    return (f"Host: {value}",)


def local(*lines: str) -> tuple[str, ...]:
    return ("Host: localhost", *lines)


WS_ONLY_400 = {"plain": 400, "upgrade": 400}
TABLE = {
    # Hosts
    "localhost": Row(None),
    "a Host in capitals with another port": Row(None, host("LOCALHOST:1")),
    "an address of this machine": Row(None, host("127.0.0.1:8000")),
    "an IPv6 address of this machine": Row(None, host("[::1]")),
    "a name below localhost": Row(None, host("app.localhost")),
    "an allowed Host": Row(None, host("hub.example")),
    "an allowed Host with a dot and a port": Row(None, host("HUB.example.:99")),
    "a foreign Host": Row(403, host("evil.example")),
    "a look-alike Host": Row(403, host("localhost.evil.example")),
    "a Host below an allowed one": Row(403, host("a.hub.example")),
    "a Host with a user": Row(403, host("evil@localhost")),
    "a Host with a port that is none": Row(403, host("localhost:99999")),
    "half an IPv6 address": Row(403, host("[::1")),
    "any address": Row(403, host("0.0.0.0")),
    "no Host": Row(400, ()),
    "an empty Host": Row(400, host("")),
    "two Hosts": Row(400, ("Host: localhost", "Host: localhost")),
    # Origins
    "this machine's page of another port": Row(None, local("Origin: http://localhost:8888")),
    "this machine's page by another name": Row(None, local("Origin: http://[::1]:3000")),
    "an allowed Origin": Row(None, local(f"Origin: {ALLOWED}")),
    "an allowed Origin in capitals with its port": Row(None, local("Origin: HTTPS://APP.example:443")),
    "a foreign Origin": Row(403, local(f"Origin: {EVIL}")),
    "a foreign Origin and its own Host": Row(403, ("Host: evil.example", f"Origin: {EVIL}")),
    "the Origin null": Row(403, local("Origin: null")),
    "an empty Origin": Row(403, local("Origin:")),
    "a look-alike Origin": Row(403, local(f"Origin: {ALLOWED}.evil")),
    "an allowed Origin of another scheme": Row(403, local("Origin: http://app.example")),
    "two Origins in one header": Row(403, local(f"Origin: http://localhost, {EVIL}")),
    "two good Origins": Row(400, local("Origin: http://localhost", "Origin: http://localhost")),
    # A handshake with two of them is faulty, whatever they are (RFC 6455, section 4.2.1).
    "two Origins": Row(403, local("Origin: http://localhost", f"Origin: {EVIL}"), differs=WS_ONLY_400),
    # Fetch metadata
    "an address typed": Row(None, local("Sec-Fetch-Site: none", "Sec-Fetch-Mode: navigate")),
    "a page of this server": Row(None, local("Sec-Fetch-Site: same-origin")),
    "another port of this machine": Row(None, local("Sec-Fetch-Site: same-site")),
    "a neighbour under the same domain": Row(403, ("Host: hub.example", "Sec-Fetch-Site: same-site")),
    "a page of another site": Row(403, local("Sec-Fetch-Site: cross-site")),
    "a page of another site in capitals": Row(403, local("sec-fetch-site:  CROSS-SITE ")),
    "an unknown site": Row(403, local("Sec-Fetch-Site: elsewhere")),
    "an empty site": Row(403, local("Sec-Fetch-Site:")),
    "two sites": Row(403, local("Sec-Fetch-Site: none", "Sec-Fetch-Site: cross-site")),
    "an embedded object": Row(
        403, local("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: embed")
    ),
    "a frame on a foreign page": Row(
        403,
        local("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe", f"Referer: {EVIL}/"),
    ),
    "a frame on an allowed page": Row(
        None,
        local(
            "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe", f"Referer: {ALLOWED}/"
        ),
    ),
    "an image on an allowed page": Row(None, local("Sec-Fetch-Site: cross-site", f"Referer: {ALLOWED}/x")),
    "an image on a foreign page": Row(403, local("Sec-Fetch-Site: cross-site", f"Referer: {EVIL}/x")),
    "an image on a look-alike page": Row(403, local("Sec-Fetch-Site: cross-site", f"Referer: {ALLOWED}.evil/")),
    "a script on an allowed page": Row(None, local("Sec-Fetch-Site: cross-site", f"Origin: {ALLOWED}")),
    # A link may be followed from anywhere; no browser follows one to a WebSocket.
    "a link on another site": Row(
        403,
        local("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"),
        differs={"http": None},
    ),
    # Paths
    "a slash at the end": Row(None, path="BASE/"),
    "an escaped path": Row(None, path="BASE/%6E/5"),
    "a number": Row(None, path="BASE/n/5"),
    "a number with a slash at the end": Row(None, path="BASE/n/5/"),
    "a number that is none": Row(404, path="BASE/n/x"),
    "a number of 5,000 digits": Row(404, path=f"BASE/n/{'9' * 5_000}"),
    "a number and an escaped line's end": Row(404, path="BASE/n/5%0A"),
    "text of any kind": Row(None, path="BASE/t/%C3%A4%20%00"),
    "an escaped slash in a variable": Row(404, path="BASE/t/a%2Fb"),
    "an unknown path": Row(404, path="/nowhere"),
    "the path in capitals": Row(404, path="/WS/PAGE"),
    "two slashes": Row(404, path="/BASE"),
    "a zero at the end": Row(404, path="BASE%00"),
    # Absolute targets: their host counts, and the Host does not (RFC 9112, section 3.2.2)
    "an absolute target": Row(None, path="http://localhostBASE"),
    "an absolute target in capitals with a port": Row(
        None, path="HTTP://LOCALHOST:8000BASE/n/5?a=http://evil.example/"
    ),
    "an absolute target and a foreign Host": Row(None, host("evil.example"), "https://hub.exampleBASE"),
    "an absolute target of another host": Row(403, path="http://evil.exampleBASE"),
    "an absolute target of a look-alike host": Row(403, path="http://localhost.evil.exampleBASE"),
    "an absolute target with a user": Row(400, path="http://evil.example@localhostBASE"),
    "an absolute target without a host": Row(400, path="http://BASE"),
    "an absolute target without a Host": Row(400, (), "http://localhostBASE"),
    "an absolute target with two Hosts": Row(400, ("Host: localhost", "Host: localhost"), "http://localhostBASE"),
    "an absolute target with a foreign Origin": Row(403, local(f"Origin: {EVIL}"), "http://localhostBASE"),
    "an absolute target of another scheme": Row(404, path="ftp://localhostBASE"),
    "a foreign Host and an unknown path": Row(403, host("evil.example"), "/nowhere"),
    "a foreign Origin and an unknown path": Row(403, local(f"Origin: {EVIL}"), "/nowhere"),
    # Queries
    "a query": Row(None, path="BASE?a=b&c=%zz"),
    "a query of 1,000 fields": Row(None, path="BASE?" + "a&" * 999),
    "a query of more fields": Row(400, path="BASE?" + "a&" * 1_000),
    # A route of the other kind
    "the other kind of route": Row(404, path="/other", differs={"http": 426}),
    # Subprotocols
    "an unknown subprotocol": Row(None, local("Sec-WebSocket-Protocol: chat.v9")),
    "subprotocols": Row(None, local("Sec-WebSocket-Protocol: chat.v9, chat.v1")),
    "subprotocols that cannot be read": Row(400, local("Sec-WebSocket-Protocol: ,;="), differs={"http": None}),
    # Long heads
    "a cookie of 20 KB": Row(None, local(f"Cookie: {'x' * 20_000}")),
    "a query of 20 KB": Row(None, path=f"BASE?{'x' * 20_000}"),
    "a head of 40 KB": Row(431, local(f"Cookie: {'x' * 40_000}")),
    "101 headers": Row(431, local(*["X: y"] * 101)),
}

ran: list[str] = []


@zef_function
def wipe(request: Any) -> Any:
    ran.append(request.path)
    return "wiped"


@pytest.fixture
def server(serve: Any, topic: Any) -> Any:
    ran.clear()
    socket = ET.WebSocket(clients_subscribe_to=[topic], clients_push_into_=[topic])
    chat = ET.WebSocket(clients_subscribe_to=[topic], clients_push_into_=[topic], subprotocols=["chat.v1"])
    routes: dict[Any, Any] = {"/wipe": wipe, ("POST", "/wipe"): wipe, "/chat": chat}
    for base, value in {"/page": "here", "/ws": socket}.items():
        routes |= {base: value, f"{base}/n/{{n:int}}": value, f"{base}/t/{{text}}": value}
    return serve(routes, allowed_hosts=["hub.example"], allowed_origins=[ALLOWED])


def answer(raw: Any, server: Any, said: bytes) -> tuple[int, dict[str, str], str]:
    wire = raw(server, None)
    wire.send(said)
    head: tuple[int, dict[str, str], str] = wire.read_head()
    wire.close()
    return head


def status(raw: Any, server: Any, said: bytes) -> int:
    return answer(raw, server, said)[0]


@pytest.mark.parametrize("name", TABLE)
def test_all_three_ways_make_the_same_decision_about_a_request(server: Any, raw: Any, name: str):
    row = TABLE[name]
    foreign = []
    for way in WAYS:
        path = row.path.replace("/other", "/page" if way != "http" else "/ws")
        said = request(way, path, *row.lines)
        if way == "upgrade":
            assert read_plain(said) is None
        refused = row.differs.get(way, row.refused)
        accepted = 200 if way == "http" else 101
        assert status(raw, server, said) == (accepted if refused is None else refused), way
        foreign.append((FX.QueryHTTPServer(server=server) | run)["refused"])
    if not row.differs:
        # What the journal and the counter say is the same, too: one for each way, or none.
        assert foreign in ([1, 2, 3], [0, 0, 0])
        assert (foreign[0] == 1) is (row.refused == 403)


def test_most_of_the_table_is_plain():
    plain = [name for name, row in TABLE.items() if read_plain(request("plain", row.path, *row.lines)) is not None]
    assert len(plain) > len(TABLE) * 0.7


@pytest.mark.parametrize("method", ["POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PROPFIND"])
def test_only_get_is_a_handshake(server: Any, raw: Any, method: str):
    for way in WAYS:
        code, headers, _ = answer(raw, server, request(way, "BASE", "Host: localhost", method=method))
        if way != "http":
            assert (code, headers["upgrade"]) == (426, "websocket")
        elif method == "HEAD":
            assert code == 200
        else:
            assert (code, headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(("offered", "chosen"), [("chat.v1", "chat.v1"), ("x, chat.v1", "chat.v1"), ("x", None)])
def test_the_subprotocol_of_the_route_is_chosen(server: Any, raw: Any, offered: str, chosen: str | None):
    for way in ("plain", "upgrade"):
        said = request(way, "/chat", "Host: localhost", f"Sec-WebSocket-Protocol: {offered}")
        code, headers, _ = answer(raw, server, said)
        assert (code, headers.get("sec-websocket-protocol")) == (101, chosen)


@pytest.mark.parametrize("way", WAYS)
def test_each_way_refuses_a_connection_over_the_limit(serve: Any, raw: Any, topic: Any, way: str, until: Any):
    server = serve({"/page": "here", "/ws": ET.WebSocket(clients_subscribe_to=[topic])}, max_connections=1)
    first = raw(server, None)
    until(lambda: inside(server)._state.connections)
    assert raw(server, None).read_response()[0] == 503
    first.send(request(way, "BASE", "Host: localhost"))
    assert first.read_response()[0] == (200 if way == "http" else 101)
    assert raw(server, None).read_response()[0] == 503


# What takes time


class Desk:
    """Waits for a decision about each client until the test makes it."""

    def __init__(self, server: Any) -> None:
        self.asked: list[RequestHead] = []
        self._found: Any = None
        self._is_told = asyncio.Event()
        self._gate = inside(server).gate
        on_loop(lambda: setattr(self._gate, "authorize", self._authorize))

    def _authorize(self, head: RequestHead, found: Accepted | Reply) -> Pending[Accepted]:
        return Pending(lambda: self._ask(head, found))

    async def _ask(self, head: RequestHead, decision: Accepted | Reply) -> Accepted | Reply:
        self.asked.append(head)
        await self._is_told.wait()
        if isinstance(self._found, Exception):
            raise self._found
        found: Visitor | Reply = self._found
        if isinstance(found, Reply) or isinstance(decision, Reply):
            return found if isinstance(found, Reply) else decision
        return decision._replace(visitor=found)

    def tell(self, found: Any) -> None:
        self._found = found
        on_loop(self._is_told.set)

    def leave(self) -> None:
        on_loop(lambda: setattr(self._gate, "authorize", None))


Asking = Callable[[str], tuple[Wire, Desk]]


def asked(server: Any, raw: Any, way: str) -> tuple[Desk, Wire]:
    """Send a request, whose decision takes time. A handshake is followed by its first frame."""
    desk, wire = Desk(server), raw(server, None)
    wire.send(request(way, "BASE", "Host: localhost"), *([] if way == "http" else [frame("early")]))
    return desk, wire


@pytest.fixture
def asking(server: Any, raw: Any, until: Any) -> Asking:
    """A request that waits for a decision."""

    def ask(way: str) -> tuple[Wire, Desk]:
        desk, wire = asked(server, raw, way)
        until(lambda: desk.asked)
        # Meanwhile others are served, and the one that waits gets nothing.
        desk.leave()
        assert status(raw, server, request("http", "BASE", "Host: localhost")) == 200
        assert wire.silent()
        return wire, desk

    return ask


@pytest.mark.parametrize("way", WAYS)
def test_a_client_whose_identity_is_found_later_is_accepted(asking: Asking, way: str):
    wire, desk = asking(way)
    desk.tell(Visitor("ada", (("set-cookie", "session=1"),)))
    code, headers, _ = wire.read_response()
    assert (code, headers["set-cookie"]) == (200 if way == "http" else 101, "session=1")
    if way != "http":
        assert wire.read().payload == b"early"
        wire.send(frame("late"))
        assert wire.read().payload == b"late"
    assert [(head.client_ip, head.is_secure) for head in desk.asked] == [("127.0.0.1", False)]


@pytest.mark.parametrize("way", WAYS)
def test_a_client_can_be_refused_with_headers_and_a_body(asking: Asking, way: str):
    wire, desk = asking(way)
    desk.tell(refuse(401, "log in first", headers=(("www-authenticate", "Bearer"),)))
    code, headers, body = wire.read_response()
    assert (code, headers["www-authenticate"], body) == (401, "Bearer", b"401 log in first\n")
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("way", WAYS)
def test_a_client_can_be_redirected(asking: Asking, way: str):
    wire, desk = asking(way)
    desk.tell(redirect("/login"))
    code, headers, _ = wire.read_response()
    assert (code, headers["location"]) == (303, "/login")


@pytest.mark.parametrize("way", WAYS)
def test_an_error_in_the_check_is_500_and_an_entry_in_the_journal(asking: Asking, way: str):
    wire, desk = asking(way)
    desk.tell(RuntimeError("broken by the test"))
    assert wire.read_response()[0] == 500
    (entry,) = journal("error")
    assert "RuntimeError: broken by the test" in entry["message"]


@pytest.mark.parametrize("way", WAYS)
def test_a_check_that_never_ends_is_503(server: Any, raw: Any, way: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(decisions, "DECISION_TIMEOUT", 0.3)
    _, wire = asked(server, raw, way)
    code, headers, _ = wire.read_response()
    assert (code, headers["retry-after"]) == (503, "1")


@pytest.mark.parametrize("way", WAYS)
def test_a_server_stops_while_the_gate_waits(asking: Asking, server: Any, way: str):
    wire, desk = asking(way)
    FX.StopHTTPServer(server=server) | run
    desk.tell(Visitor())
    assert b"101" not in wire.read_end()
    assert journal("error") == []


@pytest.mark.parametrize("way", WAYS)
def test_an_immediate_decision_needs_no_wait(server: Any, raw: Any, way: str):
    def authorize(head: RequestHead, found: Accepted | Reply) -> Accepted | Reply:
        return found if head.first("authorization") == "Bearer x" else refuse(401, "log in first")

    on_loop(lambda: setattr(inside(server).gate, "authorize", authorize))
    accepted = 200 if way == "http" else 101
    assert status(raw, server, request(way, "BASE", "Host: localhost", "Authorization: Bearer x")) == accepted
    # Nobody unknown learns which paths there are.
    for path in ("BASE", "/nowhere"):
        assert status(raw, server, request(way, path, "Host: localhost")) == 401
        assert status(raw, server, request(way, path, "Host: evil.example")) == 403


# Pages of elsewhere


def wiping(*lines: str, method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} /wipe HTTP/1.1", "Host: localhost", *lines, "", ""]).encode()


VISIT = ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"]
ELSEWHERE = {
    "an image": ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image"],
    "a form that is sent": ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "X-Method: POST"],
    "an embedded object": ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: embed"],
    "an iframe": ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"],
    "a frame": ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: frame"],
    "a fenced frame": ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: fencedframe"],
    "a page fetched in advance": [*VISIT, "Sec-Purpose: prefetch;anonymous-client-ip"],
    "a page rendered in advance": [*VISIT, "Sec-Purpose: prefetch;prerender"],
    "a page fetched in advance by an older browser": [*VISIT, "Purpose: Prefetch"],
    "a page fetched in advance by an older Firefox": [*VISIT, "X-Moz: prefetch"],
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
    "a page of ours that fetches in advance": ["Sec-Fetch-Site: same-origin", "Sec-Purpose: prefetch"],
    "a frame of ours": ["Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"],
    "a page of another port of this machine": ["Sec-Fetch-Site: same-site"],
    "an image of an allowed page": ["Sec-Fetch-Site: cross-site", "Referer: https://app.example/"],
    "an image of this machine's other name": ["Sec-Fetch-Site: cross-site", "Referer: http://127.0.0.1:8888/lab"],
    "a script of an allowed page": ["Sec-Fetch-Site: cross-site", "Origin: https://app.example"],
}


@pytest.mark.parametrize("kind", ELSEWHERE)
def test_an_embedded_cross_site_request_is_refused_before_its_handler_runs(server: Any, raw: Any, kind: str):
    method = "POST" if "X-Method: POST" in ELSEWHERE[kind] else "GET"
    assert status(raw, server, wiping(*ELSEWHERE[kind], method=method)) == 403
    assert ran == []
    (line,) = journal("warning")
    assert "refused a request with Sec-Fetch-Site" in line["message"]
    assert (FX.QueryHTTPServer(server=server) | run)["refused"] == 1


@pytest.mark.parametrize("kind", ELSEWHERE)
def test_both_ways_refuse_its_handshakes(server: Any, raw: Any, kind: str):
    fields = dict(line.split(":", 1) for line in ELSEWHERE[kind])
    for more in ({}, {"Sec-WebSocket-Protocol": "x"}):
        head = handshake("/ws", **{**fields, **more})
        assert status(raw, server, head) == 403


@pytest.mark.parametrize("kind", OURS)
def test_programs_and_pages_of_ours_pass(server: Any, raw: Any, kind: str):
    assert status(raw, server, wiping(*OURS[kind])) == 200
    assert status(raw, server, handshake("/ws", **dict(line.split(": ", 1) for line in OURS[kind]))) == 101
    assert ran == ["/wipe"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_link_from_another_site_can_be_followed(server: Any, raw: Any, method: str):
    assert status(raw, server, wiping(*VISIT, method=method)) == 200


def test_a_sibling_domain_is_another_site():
    gate = Gate(Admission(allowed_hosts=["lab.example.org"]))

    def status(host: str, site: str) -> int:
        decision = gate.decide(RequestHead("GET", "/", "", {"host": (host,), "sec-fetch-site": (site,)}))
        assert isinstance(decision, Reply)
        return decision.status

    assert status("lab.example.org", "same-site") == 403
    assert status("lab.example.org", "same-origin") == 404
    assert status("localhost:8000", "same-site") == 404


def test_many_invented_names_make_a_bounded_number_of_lines(server: Any, raw: Any):
    for number in range(60):
        assert status(raw, server, wiping(f"Origin: https://evil{number}.example")) == 403
    (line,) = journal("warning")
    assert line["count"] == 60


def test_every_response_forbids_content_type_sniffing(server: Any, raw: Any):
    for said in (
        wiping(),
        wiping("Origin: https://evil.example"),
        b"GET /no HTTP/1.1\r\nHost: a\r\n\r\n",
        b"x\r\n\r\n",
    ):
        wire = raw(server, None)
        wire.send(said)
        assert wire.read_head()[1]["x-content-type-options"] == "nosniff"
