"""WebSocket handshakes with a login: by cookie, bearer token or ticket; and what ends them."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.net.auth.conftest import PASSWORDS, auth_of, sessions_of
from tests.net.conftest import inside, on_loop
from tests.net.http.test_gate import request
from tests.net.wire import Wire, frame
from zefnb import ET, FX, run

WS = ("plain", "upgrade")


@pytest.fixture
def server(serve: Any, topic: Any) -> Any:
    socket = ET.WebSocket(clients_subscribe_to=[topic], clients_push_into_=[topic])
    return serve({"/ws": socket, "/": "here"}, auth=PASSWORDS)


@pytest.fixture
def ada(server: Any, browse: Any) -> Any:
    browser = browse(server)
    assert browser.login().status_code == 303
    return browser


def shake(raw: Any, server: Any, *lines: str, way: str = "plain", path: str = "/ws", host: str = "localhost") -> Any:
    wire: Wire = raw(server, None)
    wire.send(request(way, path, f"Host: {host}:{server.port}", *lines))
    return wire, wire.read_head()[0]


@pytest.mark.parametrize("way", WS)
def test_a_page_of_the_server_connects_with_its_cookie(server: Any, raw: Any, ada: Any, way: str):
    wire, code = shake(raw, server, f"Origin: {ada.origin}", f"Cookie: {ada.cookie}", way=way)
    assert code == 101
    wire.send(frame("hello"))
    assert wire.read().payload == b"hello"


FOREIGN = {
    "another server's page": "http://evil.example",
    "no origin": "null",
    "a look-alike": "http://localhost:PORT.evil.example",
    "another look-alike": "http://localhost.evil.example:PORT",
    "another loopback port": "http://localhost:1",
    "the default port": "http://localhost",
    "another loopback name": "http://127.0.0.1:PORT",
    "another scheme": "https://localhost:PORT",
    "an empty one": "",
}


@pytest.mark.parametrize("way", WS)
@pytest.mark.parametrize("kind", [*FOREIGN, "none"])
def test_a_cookie_with_a_foreign_origin_is_403(server: Any, raw: Any, ada: Any, kind: str, way: str):
    lines = [f"Origin: {FOREIGN[kind].replace('PORT', str(server.port))}"] if kind in FOREIGN else []
    assert shake(raw, server, *lines, f"Cookie: {ada.cookie}", way=way)[1] == 403
    assert (FX.QueryAllConnectedWebsocketClients(http_server=server) | run) == []


@pytest.mark.parametrize("way", WS)
def test_an_allowed_origin_connects_with_the_cookie(serve: Any, raw: Any, browse: Any, topic: Any, way: str):
    app = "https://app.example"
    server = serve({"/ws": ET.WebSocket(clients_subscribe_to=[topic])}, auth=PASSWORDS, allowed_origins=[app])
    ada = browse(server)
    ada.login()
    assert shake(raw, server, f"Origin: {app}", f"Cookie: {ada.cookie}", way=way)[1] == 101
    assert shake(raw, server, "Origin: http://app.example", f"Cookie: {ada.cookie}", way=way)[1] == 403


@pytest.mark.parametrize("way", WS)
def test_a_bearer_token_needs_no_origin(server: Any, raw: Any, ada: Any, way: str):
    assert shake(raw, server, f"Authorization: Bearer {ada.secret}", way=way)[1] == 101
    assert shake(raw, server, f"Authorization: Bearer {ada.secret}x", way=way)[1] == 401
    assert shake(raw, server, f"Authorization: bearer {ada.secret}", "Origin: http://localhost:1", way=way)[1] == 101
    assert shake(raw, server, f"Authorization: Bearer {ada.secret}", "Origin: http://evil.example", way=way)[1] == 403


def ticket_of(ada: Any, **headers: str) -> httpx.Response:
    response: httpx.Response = ada.post("/auth/ticket", headers={"origin": ada.origin, **headers})
    return response


@pytest.mark.parametrize("way", WS)
def test_a_ticket_is_for_one_handshake(server: Any, raw: Any, ada: Any, way: str):
    given = ticket_of(ada).json()
    assert given["expires_in"] == 60
    path = f"/ws?x=1&ticket={given['ticket']}"
    assert shake(raw, server, path=path, way=way)[1] == 101
    (row,) = FX.QueryAllConnectedWebsocketClients(http_server=server) | run
    assert row["user"]["name"] == "ada"
    assert on_loop(lambda: inside(server).clients()[0].query) == "x=1"
    assert shake(raw, server, path=path, way=way)[1] == 401


def test_a_ticket_is_no_login_for_a_page(server: Any, ada: Any):
    ticket = ticket_of(ada).json()["ticket"]
    assert httpx.get(f"{ada.origin}/?ticket={ticket}").status_code == 401


def test_a_ticket_ends_with_its_session(server: Any, raw: Any, ada: Any):
    ticket = ticket_of(ada).json()["ticket"]
    FX.RevokeSession(http_server=server, user="ada") | run
    assert shake(raw, server, path=f"/ws?ticket={ticket}")[1] == 401


def test_tickets_need_a_login_and_no_foreign_page_gets_one(server: Any, ada: Any):
    assert httpx.post(f"{ada.origin}/auth/ticket").status_code == 401
    assert ticket_of(ada, origin="http://localhost:1").status_code == 403
    assert ada.post("/auth/ticket", headers={"sec-fetch-site": "same-site"}).status_code == 403
    assert ada.get("/auth/ticket").status_code == 405


# Foreign pages and HTTP requests


def test_a_page_of_another_port_cannot_use_the_cookie(server: Any, ada: Any):
    port = {"origin": "http://localhost:1"}
    assert ada.get("/", headers=port).status_code == 403
    assert ada.post("/", headers=port).status_code == 403
    site = {"sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "script"}
    assert ada.get("/", headers=site).status_code == 403
    assert ada.get("/", headers={**site, "sec-fetch-site": "same-origin"}).status_code == 200
    visit = {"sec-fetch-site": "same-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert ada.get("/", headers=visit).status_code == 200
    assert ada.post("/", headers=visit).status_code == 403


# The end of a session


@pytest.fixture
def crowd(server: Any, raw: Any, browse: Any) -> Any:
    """Sockets: two of one session of ada, one of another, and one of bob; each has received a message."""
    browsers = {"one": browse(server), "two": browse(server), "bob": browse(server)}
    wires = {}
    for name, browser in browsers.items():
        browser.login("bob" if name == "bob" else "ada")
        for number in range(2 if name == "one" else 1):
            wire, code = shake(raw, server, f"Origin: {browser.origin}", f"Cookie: {browser.cookie}")
            assert code == 101
            wires[f"{name}{number}"] = wire
    return browsers, wires


def closed(wires: dict[str, Wire], *names: str) -> None:
    """These sockets are closed with 4401, and no others."""
    for name in names:
        close = wires[name].read_close()
        assert close.code == 4401
        assert close.reason
    left = [wire for name, wire in wires.items() if name not in names]
    for number, wire in enumerate(left):
        wire.send(frame(f"still {number}"))
        for other in left:
            assert other.read().payload == f"still {number}".encode()


def test_logout_closes_the_sockets_of_this_session_only(server: Any, crowd: Any):
    browsers, wires = crowd
    one = browsers["one"]
    secret = one.secret
    reply = one.post("/auth/logout", headers={"origin": one.origin})
    assert (reply.status_code, reply.headers["location"]) == (303, "/auth/login")
    assert "Max-Age=0" in reply.headers["set-cookie"]
    closed(wires, "one0", "one1")
    assert httpx.get(f"{one.origin}/", headers={"authorization": f"Bearer {secret}"}).status_code == 401
    assert browsers["two"].get("/").status_code == 200


def test_logout_is_post_only_and_no_foreign_page_can_cause_it(server: Any, crowd: Any):
    browsers, wires = crowd
    one = browsers["one"]
    assert one.get("/auth/logout").status_code == 405
    assert one.post("/auth/logout", headers={"origin": "http://localhost:1"}).status_code == 403
    assert one.post("/auth/logout", headers={"origin": "http://evil.example"}).status_code == 403
    closed(wires)


def test_revoking_a_user_closes_the_sockets_of_all_his_sessions(server: Any, crowd: Any):
    browsers, wires = crowd
    assert (FX.RevokeSession(http_server=server, user="ada") | run) == ET.Success(revoked=2)
    closed(wires, "one0", "one1", "two0")
    assert browsers["one"].get("/").status_code == 401
    assert browsers["bob"].get("/").status_code == 200


def test_one_session_can_be_revoked(server: Any, crowd: Any):
    _, wires = crowd
    rows = FX.QuerySessions(http_server=server) | run
    assert [(row["user"]["name"], row["sockets"]) for row in rows] == [("ada", 2), ("ada", 1), ("bob", 1)]
    assert (FX.RevokeSession(http_server=server, session=rows[1]["session"]) | run) == ET.Success(revoked=1)
    closed(wires, "two0")


def test_expiry_closes_the_sockets(server: Any, crowd: Any):
    browsers, wires = crowd
    sessions = auth_of(server).sessions

    def expire() -> None:
        for session in sessions.of("ada"):
            session.absolute_end = sessions.clock()

    on_loop(expire)
    closed(wires, "one0", "one1", "two0")
    assert browsers["two"].get("/").status_code == 401


def test_a_session_that_ends_drops_what_its_slow_socket_has_not_read(serve: Any, raw: Any, browse: Any, topic: Any):
    server = serve({"/ws": ET.WebSocket(clients_subscribe_to=[topic])}, auth=PASSWORDS)
    ada = browse(server)
    ada.login()
    wire: Wire = raw(server, None, receive_buffer=4_096)
    wire.send(
        request("plain", "/ws", f"Host: localhost:{server.port}", f"Origin: {ada.origin}", f"Cookie: {ada.cookie}")
    )
    assert wire.read_head()[0] == 101
    for _ in range(25):
        FX.Publish(target=topic, content="x" * 200_000) | run
    FX.RevokeSession(http_server=server, user="ada") | run
    assert (FX.QueryAllConnectedWebsocketClients(http_server=server) | run) == []
    frames, close = wire.read_until_close()
    assert close.code == 4401
    assert len(frames) < 25


@pytest.mark.parametrize("wrong", [{}, {"user": "ada", "session": "x"}])
def test_revoking_takes_a_user_or_a_session(server: Any, wrong: dict[str, str]):
    with pytest.raises(TypeError, match=r"FX\.RevokeSession"):
        FX.RevokeSession(http_server=server, **wrong) | run


def test_a_server_without_auth_has_no_sessions(serve: Any):
    with pytest.raises(TypeError, match="has no auth="):
        FX.QuerySessions(http_server=serve({})) | run


# Cost


def test_each_of_many_sockets_of_a_session_costs_one_check_and_its_messages_none(
    server: Any, raw: Any, ada: Any, monkeypatch: pytest.MonkeyPatch
):
    auth = auth_of(server)
    checks = 0
    plain = auth.sessions.find

    def find(secret: str) -> Any:
        nonlocal checks
        checks += 1
        return plain(secret)

    monkeypatch.setattr(auth.sessions, "find", find)
    count = 200
    wires = [shake(raw, server, f"Origin: {ada.origin}", f"Cookie: {ada.cookie}")[0] for _ in range(count)]
    assert checks == count
    wires[0].send(frame("hello"))
    assert {wire.read().payload for wire in wires} == {b"hello"}
    assert checks == count
    (session,) = sessions_of(server)
    assert len(session.sockets) == count
    for wire in wires:
        wire.close()
