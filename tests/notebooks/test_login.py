"""The login of the tutorials, with its unchanged cells: attempts of people who are not members."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.notebooks.tutorial import FOLDER, Tutorial
from zefnb import FX, run

# What a browser sends for a page.
PAGE = {"accept": "text/html", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}


@pytest.fixture
def room() -> dict[str, Any]:
    """Return the names of the notebook, after its cells up to the one that starts the server."""
    names: dict[str, Any] = {"__name__": "room"}
    exec("from zefnb import *", names)
    for cell in Tutorial(FOLDER / "10-login-and-sessions.ipynb").code[1:]:
        exec(cell.source, names)
        if cell.id == "server":
            return names
    raise AssertionError("no cell starts the server")


@pytest.fixture
def browser(room: Any) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://localhost:{room['server'].port}", timeout=20) as client:
        yield client


def log_in(room: Any, browser: httpx.Client, name: str = "Ada", password: str | None = None) -> httpx.Response:
    form = {"name": name, "password": room["members"][name] if password is None else password}
    return browser.post("/auth/login", data=form, headers={"origin": str(browser.base_url).rstrip("/")})


def enter(browser: httpx.Client, **headers: str) -> ClientConnection:
    """Open the WebSocket as the page of the room does, with the cookies of the browser."""
    cookie = "; ".join(f"{each.name}={each.value}" for each in browser.cookies.jar)
    origin = str(browser.base_url).rstrip("/")
    url = f"{origin.replace('http', 'ws')}/ws"
    return connect(url, additional_headers={"cookie": cookie, "origin": origin} | headers)


def close_code(socket: ClientConnection) -> int | None:
    """Return the close code, after everything that comes before it."""
    try:
        while True:
            socket.recv(timeout=20)
    except ConnectionClosed:
        return socket.close_code


def test_members_have_different_random_passwords(room: Any):
    passwords = room["members"].values()
    assert len(set(passwords)) == len(passwords) > 1
    assert min(map(len, passwords)) >= 16


def test_no_script_and_no_other_site_can_use_the_cookie(room: Any, browser: httpx.Client):
    cookie = log_in(room, browser).headers["set-cookie"]
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= {part.strip() for part in cookie.split(";")}


@pytest.mark.parametrize(
    ("name", "password"), [("Ada", "guessed"), ("Ada", ""), ("", ""), ("Nobody", "x"), ("ada", None), ("Grace", None)]
)
def test_a_person_who_is_not_a_member_gets_no_cookie(room: Any, browser: httpx.Client, name: str, password: str | None):
    refused = log_in(room, browser, name, room["members"]["Ada"] if password is None else password)
    assert refused.status_code == 401
    assert "set-cookie" not in refused.headers
    assert browser.get("/books").status_code == 401


def test_a_person_without_a_login_is_led_to_it(browser: httpx.Client):
    answer = browser.get("/books", headers=PAGE)
    assert (answer.status_code, answer.headers["location"]) == (303, "/auth/login?next=/books")


@pytest.mark.parametrize("cookie", ["", "zefnb", "zefnb-session-{port}=", "zefnb-session-{port}=guessed", "=;=;"])
def test_an_invented_cookie_is_refused(room: Any, browser: httpx.Client, cookie: str):
    given = cookie.format(port=room["server"].port)
    assert browser.get("/books", headers={"cookie": given}).status_code == 401
    with pytest.raises(InvalidStatus) as refused:
        enter(browser, cookie=given)
    assert refused.value.response.status_code == 401


def test_a_page_of_another_site_can_neither_log_in_nor_open_the_socket(room: Any, browser: httpx.Client):
    assert log_in(room, browser).status_code == 303
    form = {"name": "Ada", "password": room["members"]["Ada"]}
    assert browser.post("/auth/login", data=form, headers={"origin": "https://evil.example"}).status_code == 403
    with pytest.raises(InvalidStatus) as refused:
        enter(browser, origin="https://evil.example")
    assert refused.value.response.status_code == 403


def test_only_ada_keeps_the_books(room: Any, browser: httpx.Client):
    log_in(room, browser, "Grace")
    assert browser.get("/books").status_code == 403
    log_in(room, browser, "Ada")
    assert browser.get("/books").text == "Only Ada keeps the books"


def test_a_member_speaks_under_the_own_name(room: Any, browser: httpx.Client):
    log_in(room, browser, "Grace")
    with enter(browser) as socket:
        assert socket.recv(timeout=20) == "* Grace is here"
        socket.send("[Ada]: hello")
        assert socket.recv(timeout=20) == "[Grace]: [Ada]: hello"


def test_the_end_of_a_session_closes_its_sockets_and_no_others(room: Any, browser: httpx.Client):
    with httpx.Client(base_url=browser.base_url, timeout=20) as other:
        log_in(room, browser, "Ada")
        log_in(room, other, "Grace")
        with enter(browser) as ada:
            assert ada.recv(timeout=20) == "* Ada is here"
            with enter(other) as grace:
                assert grace.recv(timeout=20) == "* Grace is here"
                FX.RevokeSession(http_server=room["server"], user="Ada") | run
                assert close_code(ada) == 4401
                grace.send("still here")
                assert grace.recv(timeout=20) == "[Grace]: still here"
