"""The program's own functions for logins: a check of name and password, and `on_login`; and who is refused."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from tests.net.auth.conftest import PAGE, PASSWORDS, sessions_of
from tests.net.conftest import journal
from zefnb import ET, zef_function


@zef_function
def who(request: Any) -> Any:
    return ET.JSON(content=request.user)


def plain(name: str, password: str) -> bool:
    assert threading.current_thread() is not threading.main_thread()
    return (name, password) == ("ada", "correct horse")


async def later(name: str, password: str) -> bool:
    await asyncio.sleep(0)
    return (name, password) == ("ada", "correct horse")


def details(name: str, password: str) -> Any:
    return {"email": "ada@example.com", "team": ["red"]} if plain(name, password) else {}


def returns_a_coroutine(name: str, password: str) -> Any:
    return later(name, password)


CHECKS = [plain, later, details, returns_a_coroutine, zef_function(plain), zef_function(inline=True)(later)]


@pytest.mark.parametrize("check", CHECKS)
def test_a_function_checks_names_and_passwords(serve: Any, browse: Any, check: Any):
    ada = browse(serve({"/who": who}, auth=check))
    assert ada.login("ada", "x").status_code == 401
    assert ada.login("ada").status_code == 303
    more = {"email": "ada@example.com", "team": ["red"]} if check is details else {}
    assert ada.get("/who").json() == {"id": "ada", "name": "ada", "provider": "password", **more}


def test_a_function_that_fails_is_500_and_no_login(serve: Any, browse: Any):
    def fails(name: str, password: str) -> bool:
        raise ValueError("broken by the test")

    server = serve({"/who": who}, auth=fails)
    reply = browse(server).login()
    assert reply.status_code == 500
    assert sessions_of(server) == []
    assert "broken by the test" in repr(journal("error"))
    assert PASSWORDS["ada"] not in repr(journal("debug"))


@pytest.mark.parametrize("returned", ["yes", 1, object(), [True]])
def test_any_other_result_is_no_login(serve: Any, browse: Any, returned: Any):
    server = serve({"/who": who}, auth=lambda name, password: returned)
    assert browse(server).login().status_code == 401
    assert "allowed: True, False or a dict" in repr(journal("warning"))


def test_a_slow_function_does_not_hold_up_others(serve: Any, browse: Any):
    release = threading.Event()

    def slow(name: str, password: str) -> bool:
        return release.wait(20)

    server = serve({"/who": who}, auth=slow)
    replies: list[Any] = []
    waiting = threading.Thread(target=lambda: replies.append(browse(server).login()))
    waiting.start()
    assert browse(server).get("/who").status_code == 401
    assert replies == []
    release.set()
    waiting.join(20)
    assert replies[0].status_code == 303


@pytest.mark.parametrize(
    ("on_login", "code", "user"),
    [
        (lambda user: None, 303, {}),
        (lambda user: True, 303, {}),
        (lambda user: False, 403, None),
        (lambda user: {"team": "red"}, 303, {"team": "red"}),
        (lambda user: user.clear(), 303, {}),
    ],
)
def test_on_login_is_called_with_the_user(serve: Any, browse: Any, on_login: Any, code: int, user: Any):
    server = serve({"/who": who}, auth=ET.Auth(providers=[PASSWORDS], on_login=on_login))
    ada = browse(server)
    assert ada.login().status_code == code
    if user is not None:
        assert ada.get("/who").json() == {"id": "ada", "name": "ada", "provider": "password", **user}
    else:
        assert ada.get("/who").status_code == 401


def test_only_allowed_addresses_log_in(serve: Any, browse: Any):
    def check(name: str, password: str) -> Any:
        return {"email": password} if "@" in password else True

    server = serve({"/who": who}, auth=ET.Auth(providers=check, allowed_emails=["ada@example.com", "*@example.org"]))
    emails = {
        "ada@example.com": 303,
        "ADA@EXAMPLE.COM": 303,
        "bob@example.org": 303,
        "bob@example.com": 403,
        "x@example.org.evil": 403,
        "x@evil-example.org": 403,
        "x@evil@example.org": 403,
        "no address": 403,
    }
    assert {email: browse(server).login("ada", email).status_code for email in emails} == emails


# Where logins come from


def exposed(browser: Any, **headers: str) -> Any:
    lines = {**PAGE, "x-forwarded-for": "203.0.113.7", **headers}
    data = {"name": "ada", "password": PASSWORDS["ada"]}
    return browser.post("/auth/login", data=data, headers={**lines, "origin": browser.origin})


def test_a_password_over_plain_http_from_another_machine_is_refused(serve: Any, browse: Any):
    server = serve({"/who": who}, auth=PASSWORDS, trusted_proxies=["127.0.0.1"])
    reply = exposed(browse(server))
    assert reply.status_code == 403
    assert "certificates=" in reply.text
    assert "set-cookie" not in reply.headers
    form = browse(server).page("/auth/login", **{"x-forwarded-for": "203.0.113.7"})
    assert (form.status_code, "<form" in form.text, "certificates=" in form.text) == (403, False, True)


def test_the_same_over_tls_is_a_login_with_a_secure_cookie(serve: Any, browse: Any):
    server = serve({"/who": who}, auth=PASSWORDS, trusted_proxies=["127.0.0.1"])
    ada = browse(server)
    reply = exposed(ada, **{"x-forwarded-proto": "https", "sec-fetch-site": "same-origin"})
    assert reply.status_code == 403  # the page's origin is http
    ada.origin = ada.origin.replace("http:", "https:")
    reply = exposed(ada, **{"x-forwarded-proto": "https"})
    assert reply.status_code == 303
    cookie = reply.headers["set-cookie"]
    assert cookie.startswith(f"__Host-zefnb-session-{server.port}=")
    assert cookie.endswith("; Secure")


def test_behind_a_proxy_with_a_prefix_redirects_and_cookies_keep_it(serve: Any, browse: Any):
    server = serve({"/who": who}, auth=PASSWORDS, trusted_proxies=["127.0.0.1"])
    ada = browse(server)
    prefix = {"x-forwarded-prefix": "/user/ada/proxy/8000"}
    assert ada.page("/who", **prefix).headers["location"] == "/user/ada/proxy/8000/auth/login?next=/who"
    form = ada.page("/auth/login?next=/who", **prefix)
    assert 'action="login"' in form.text
    data = {"name": "ada", "password": PASSWORDS["ada"], "next": "/who"}
    reply = ada.post("/auth/login", data=data, headers={**PAGE, **prefix, "origin": ada.origin})
    assert reply.headers["location"] == "/user/ada/proxy/8000/who"
    assert "; Path=/user/ada/proxy/8000;" in reply.headers["set-cookie"]


# Login CSRF and fixation


def test_no_foreign_page_can_log_a_browser_in(serve: Any, browse: Any):
    server = serve({"/who": who}, auth=PASSWORDS)
    data = {"name": "ada", "password": PASSWORDS["ada"]}
    for headers in (
        {"origin": "http://evil.example"},
        {"origin": "http://localhost:1"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"},
        {"sec-fetch-site": "same-site", "sec-fetch-mode": "navigate"},
    ):
        reply = browse(server).post("/auth/login", data=data, headers=headers)
        assert reply.status_code == 403, headers
        assert "set-cookie" not in reply.headers
    assert sessions_of(server) == []


def test_each_login_has_a_new_id_and_the_old_one_ends(serve: Any, browse: Any):
    server = serve({"/who": who}, auth=PASSWORDS)
    ada, eve = browse(server), browse(server)
    eve.cookies.set(f"zefnb-session-{server.port}", "x" * 43, domain="localhost.local")
    eve.login("ada")
    ada.login()
    first = ada.secret
    ada.login()
    assert ada.secret != first
    bearer = {"authorization": f"Bearer {first}"}
    assert browse(server).get("/who", headers=bearer).status_code == 401
    assert browse(server).get("/who", headers={"authorization": f"Bearer {'x' * 43}"}).status_code == 401


@pytest.mark.parametrize(
    "next", ["//evil.example", "https:evil", "/\\evil", "/%2f%2fevil", "/a\r\nx: y", "http://u@localhost/"]
)
def test_a_login_never_leads_to_another_server(serve: Any, browse: Any, next: str):
    server = serve({"/who": who}, auth=PASSWORDS)
    assert browse(server).login(next=next).headers["location"] == "/"


def test_the_login_page_of_the_program_and_the_page_after_the_login(serve: Any, browse: Any):
    auth = ET.Auth(providers=[PASSWORDS], login_page="/welcome", after_login="/rooms")
    server = serve({"/welcome": ET.HTML(content="<form>"), "/rooms": "rooms", "/other": "x"}, auth=auth)
    ada = browse(server)
    assert ada.page("/other").headers["location"] == "/welcome?next=/other"
    assert ada.page("/welcome").text == "<form>"
    assert ada.login().headers["location"] == "/rooms"
    assert ada.login(next="/other").headers["location"] == "/other"
    assert ada.login(next="//evil.example").headers["location"] == "/rooms"
