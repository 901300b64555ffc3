"""Logging in with a name and a password, on real sockets."""

from __future__ import annotations

from typing import Any

import pytest

from tests.net.auth.conftest import PAGE, PASSWORDS, auth_of, sessions_of
from tests.net.conftest import journal
from zefnb import ET, zef_function
from zefnb.net.auth.endpoints import LOGIN_BODY_LIMIT


@zef_function
def who(request: Any) -> Any:
    return ET.JSON(content=request.user)


@pytest.fixture
def server(serve: Any) -> Any:
    return serve({"/": "for us", "/who": who}, auth=PASSWORDS)


def test_a_page_leads_to_the_login_and_the_login_leads_back(server: Any, browse: Any):
    ada = browse(server)
    reply = ada.page("/who?x=1")
    assert (reply.status_code, reply.headers["location"]) == (303, "/auth/login?next=/who%3Fx%3D1")
    form = ada.page(reply.headers["location"])
    assert form.status_code == 200
    assert 'name="next" value="/who?x=1"' in form.text
    reply = ada.login(next="/who?x=1")
    assert (reply.status_code, reply.headers["location"]) == (303, "/who?x=1")
    assert ada.page("/who?x=1").json() == {"id": "ada", "name": "ada", "provider": "password"}


def test_the_cookie_is_for_this_server_and_no_script(server: Any, browse: Any):
    cookie = browse(server).login().headers["set-cookie"]
    name, _, rest = cookie.partition("=")
    assert name == f"zefnb-session-{server.port}"
    assert rest.split("; ")[1:] == ["Path=/", "Max-Age=86400", "HttpOnly", "SameSite=Lax"]


@pytest.mark.parametrize(("name", "password"), [("ada", "x"), ("ada", "battery staple"), ("eve", "x"), ("ada", "")])
def test_a_wrong_login_shows_the_form_again_with_the_reason(server: Any, browse: Any, name: str, password: str):
    eve = browse(server)
    reply = eve.login(name, password, next="/who")
    assert reply.status_code == 401
    assert reply.headers["content-type"].startswith("text/html")
    assert "The name or the password is wrong." in reply.text
    assert f'value="{name}"' in reply.text
    assert 'name="next" value="/who"' in reply.text
    assert "set-cookie" not in reply.headers
    assert sessions_of(server) == []


def test_a_name_is_shown_as_text(server: Any, browse: Any):
    reply = browse(server).login('"><script>alert(1)</script>', "x")
    assert "<script>" not in reply.text


def test_a_login_with_a_long_body_is_refused(server: Any, browse: Any):
    assert browse(server).login("ada", "x" * LOGIN_BODY_LIMIT).status_code == 413


def test_a_program_logs_in_with_json_and_uses_a_bearer_token(server: Any, browse: Any):
    program = browse(server)
    headers = {"accept": "application/json"}
    given = {"name": "ada", "password": PASSWORDS["ada"]}
    token = program.post("/auth/login", json=given, headers=headers).json()["token"]
    program.cookies.clear()
    assert program.get("/who").status_code == 401
    assert program.get("/who", headers={"authorization": f"Bearer {token}"}).json()["name"] == "ada"
    assert program.get("/who", headers={"authorization": f"Bearer {token}x"}).status_code == 401
    wrong = program.post("/auth/login", json={**given, "password": "x"}, headers=headers)
    assert (wrong.status_code, wrong.json()) == (401, {"error": "The name or the password is wrong."})


@pytest.mark.parametrize("body", [b"", b"[]", b"name=ada", b"{", b'"x"', b"[" * 5_000])
def test_a_login_that_is_no_form_and_no_json_is_400(server: Any, browse: Any, body: bytes):
    assert browse(server).post("/auth/login", content=body).status_code == 400
    assert journal("error") == []


def test_a_secret_that_others_on_the_network_can_read_is_refused_with_what_to_do(serve: Any, browse: Any):
    auth = ET.Auth(providers=[PASSWORDS, "token"])
    server = serve({"/": "for us"}, auth=auth, trusted_proxies=["127.0.0.1"])
    path, ada = auth_of(server).link_path, browse(server)
    # As a proxy reports a client of another machine.
    plain = {**PAGE, "x-forwarded-for": "192.0.2.7"}
    form = {"name": "ada", "password": PASSWORDS["ada"]}
    attempts = [
        ada.get("/auth/login", headers=plain),
        ada.post("/auth/login", data=form, headers={**plain, "origin": ada.origin}),
        ada.get(path, headers=plain),
    ]
    assert [(each.status_code, "certificates=" in each.text) for each in attempts] == [(403, True)] * 3
    bearer = {"authorization": f"Bearer {path.partition('=')[2]}"}
    assert ada.get("/", headers={**bearer, "x-forwarded-for": "192.0.2.7"}).status_code == 401
    assert not sessions_of(server)
    # With TLS, and on this machine, the same is accepted.
    secure = {**plain, "x-forwarded-proto": "https", "origin": ada.origin.replace("http", "https")}
    assert ada.post("/auth/login", data=form, headers=secure).status_code == 303
    assert ada.get("/", headers=bearer).status_code == 200
