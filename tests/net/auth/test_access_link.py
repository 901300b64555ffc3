"""`auth='token'`: the link, its exchange for a cookie, and where the token never appears."""

from __future__ import annotations

import pickle
import re
from typing import Any

import httpx
import pytest

from tests.net.auth.conftest import PAGE, auth_of, sessions_of
from tests.net.conftest import journal
from zefnb import ET, FX, run, zef_function

seen: list[Any] = []


@zef_function
def who(request: Any) -> Any:
    seen.append(request)
    return ET.JSON(content=request.user)


def token_in(text: str) -> str:
    found = re.search(r"http://localhost:\d+/\?token=([\w-]{43})\n", text)
    assert found, text
    return found[1]


@pytest.fixture
def server(serve: Any, capsys: Any) -> Any:
    seen.clear()
    return serve({"/": "for us only", "/who": who}, auth="token", logging=True)


@pytest.fixture
def token(server: Any, capsys: pytest.CaptureFixture[str]) -> str:
    return token_in(capsys.readouterr().out)


def test_the_link_becomes_a_cookie_and_a_clean_address(server: Any, token: str, browse: Any):
    ada = browse(server)
    reply = ada.page(f"/?token={token}")
    assert (reply.status_code, reply.headers["location"]) == (303, "/")
    assert reply.headers["referrer-policy"] == "no-referrer"
    assert reply.headers["cache-control"] == "no-store"
    assert token not in reply.headers["set-cookie"]
    assert ada.page("/").text == "for us only"
    assert ada.page("/who").json() == {"id": "owner", "name": "owner", "provider": "token"}


@pytest.mark.parametrize(
    ("path", "clean"),
    [
        ("/who?a=1&token=T&b=2", "/who?a=1&b=2"),
        ("/nowhere?token=T", "/nowhere"),
        ("/who?token=T#x", "/who"),
        ("//evil.example?token=T", "/"),
        ("/%2Fevil.example?token=T", "/"),
        ("/%5Cevil.example?token=T", "/"),
        ("/a%0d%0ab?token=T", "/"),
        ("/r%C3%A4ume?token=T", "/r%C3%A4ume"),
    ],
)
def test_the_rest_of_the_address_stays_and_never_leads_elsewhere(
    server: Any, token: str, raw: Any, path: str, clean: str
):
    wire = raw(server, None)
    path = path.replace("T", token).partition("#")[0]
    wire.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    code, headers, _ = wire.read_response()
    assert (code, headers["location"]) == (303, clean)


def test_a_wrong_token_is_no_login(server: Any, token: str, browse: Any):
    eve = browse(server)
    for wrong in ("x", token[:-1], token.swapcase(), f"{token}&token={token}", ""):
        assert eve.get(f"/?token={wrong}").status_code == 401
        assert eve.page(f"/?token={wrong}").headers["location"] == "/auth/login?next=/"
    assert eve.post(f"/?token={token}").status_code == 401
    assert sessions_of(server) == []


def test_the_token_can_be_typed_into_the_login_page(server: Any, token: str, browse: Any):
    ada = browse(server)
    assert 'name="token"' in ada.page("/auth/login").text
    wrong = ada.post("/auth/login", data={"token": "x"}, headers={**PAGE, "origin": ada.origin})
    assert wrong.status_code == 401
    assert "The token is wrong." in wrong.text
    right = ada.post("/auth/login", data={"token": token, "next": "/who"}, headers={**PAGE, "origin": ada.origin})
    assert (right.status_code, right.headers["location"]) == (303, "/who")


def test_a_program_uses_the_token_as_bearer(server: Any, token: str):
    url = f"http://localhost:{server.port}/who"
    assert httpx.get(url, headers={"authorization": f"Bearer {token}"}).json()["name"] == "owner"
    assert httpx.get(url, headers={"authorization": f"Bearer {token}x"}).status_code == 401


def test_a_handshake_takes_no_token_from_its_address(serve: Any, raw: Any, topic: Any, capsys: Any):
    server = serve({"/ws": ET.WebSocket(clients_subscribe_to=[topic])}, auth="token")
    token = token_in(capsys.readouterr().out)
    wire = raw(server, None)
    from tests.net.wire import handshake

    wire.send(handshake(f"/ws?token={token}"))
    assert wire.read_head()[0] == 401


def test_the_token_and_the_session_appear_nowhere(server: Any, token: str, browse: Any, until: Any):
    ada = browse(server)
    ada.page(f"/who?token={token}")
    ada.page(f"/who?x=1&token={token}")
    secret = ada.secret
    bearer = {"authorization": f"Bearer {token}", "cookie": f"{ada.cookie}; theme=dark; _xsrf=hub; jupyterhub-user=hub"}
    ada.get("/who?x=1", headers={**bearer, "referer": f"{ada.origin}/?token={token}"})
    ada.get("/nowhere", headers=bearer)
    rows = FX.QuerySessions(http_server=server) | run
    shown = {
        "requests": repr(seen) + repr([request.__dict__ for request in seen]),
        "journal": repr(journal("debug")),
        "access": repr(FX.QueryLog(kind="access") | run),
        "sessions": repr(rows) + str(pickle.dumps(rows)),
        "server": repr(FX.QueryHTTPServer(server=server) | run) + repr(server) + str(pickle.dumps(server)),
        "objects": repr(vars(auth_of(server))) + repr(sessions_of(server)),
    }
    assert len(seen) == 1
    assert seen[0].headers["cookie"] == "theme=dark"
    assert "authorization" not in seen[0].headers
    assert rows
    for place, text in shown.items():
        for each in (token, secret, "hub"):
            assert each not in text.replace("jupyter", ""), place


def test_the_link_stays_valid_when_the_server_is_replaced(serve: Any, browse: Any, capsys: Any):
    server = serve({"/": "one"}, auth="token", allow_restart=True)
    token = token_in(capsys.readouterr().out)
    ada = browse(server)
    ada.page(f"/?token={token}")
    serve({"/": "two"}, auth="token", allow_restart=True, port=server.port)
    assert ada.page("/").text == "two"
    assert token_in(capsys.readouterr().out) == token
