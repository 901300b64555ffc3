"""The login of the tutorials, with its unchanged cells: attempts of people who are no members."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from tests.notebooks.tutorial import FOLDER, Tutorial

PASSWORD = "tea at five"


@pytest.fixture
def members() -> dict[str, Any]:
    """Return the names of the notebook, after its cells up to the one that starts the server; Ada is a member."""
    names: dict[str, Any] = {"__name__": "members"}
    exec("from zefnb import *", names)
    for cell in Tutorial(FOLDER / "10-login-and-sessions.ipynb").code[1:]:
        exec(cell.source, names)
        if cell.id == "server":
            names["add_member"]("Ada", PASSWORD)
            return names
    raise AssertionError("no cell starts the server")


@pytest.fixture
def browser(members):
    with httpx.Client(base_url=f"http://localhost:{members['server'].port}") as client:
        yield client


def log_in(browser: httpx.Client, name: str = "Ada", password: str = PASSWORD) -> httpx.Response:
    return browser.post("/login", data={"name": name, "password": password})


def answer(members: Any, connect: Any, first: Any) -> Any:
    """Return the room's reply to that first message, or the close code."""
    client = connect(members["server"], "/ws")
    client.send(first)
    try:
        return client.recv(timeout=20)
    except ConnectionClosed as closed:
        return closed.rcvd.code


def test_two_members_with_one_password_have_different_hashes(members):
    members["add_member"]("Bob", PASSWORD)
    kept = members["members"]
    assert kept["Ada"] != kept["Bob"]
    assert PASSWORD.encode() not in b"".join(kept["Ada"])


def test_no_script_and_no_other_site_can_use_the_cookie(browser):
    cookie = log_in(browser).headers["set-cookie"]
    assert {"HttpOnly", "SameSite=Strict"} <= {part.strip() for part in cookie.split(";")}


@pytest.mark.parametrize(
    ("name", "password"),
    [("Ada", "guessed"), ("Ada", ""), ("", ""), ("Nobody", PASSWORD), ("ada", PASSWORD), ("Ada", PASSWORD + "x")],
)
def test_a_person_who_is_no_member_gets_no_cookie_and_no_ticket(browser, name, password):
    refused = log_in(browser, name, password)
    assert refused.status_code == 401
    assert "set-cookie" not in refused.headers
    assert browser.post("/ticket").status_code == 401


@pytest.mark.parametrize("cookie", ["", "members", "members=", "members=guessed", "=;=;", "members=a; members=b"])
def test_an_invented_cookie_is_refused(browser, cookie):
    assert browser.post("/ticket", headers={"cookie": cookie}).status_code == 401


def test_a_page_of_another_site_can_neither_log_in_nor_get_a_ticket(browser):
    log_in(browser)
    for path in ("/login", "/ticket"):
        assert browser.post(path, headers={"origin": "https://evil.example"}).status_code == 403


def test_a_ticket_is_valid_once_and_for_a_short_time(members, browser, connect):
    log_in(browser)
    first, late = (browser.post("/ticket").json()["ticket"] for _ in range(2))
    assert answer(members, connect, first) == "* Ada is here"
    assert answer(members, connect, first) == 1008
    # Eleven seconds later, by the notebook's clock alone.
    members["time"] = SimpleNamespace(monotonic=lambda: time.monotonic() + 11)
    assert answer(members, connect, late) == 1008


@pytest.mark.parametrize("first", ["", "guessed", "members", "x" * 100_000])
def test_an_invalid_ticket_is_closed_with_1008(members, connect, first):
    assert answer(members, connect, first) == 1008


def test_a_client_that_has_sent_no_ticket_receives_nothing(members, browser, connect):
    stranger = connect(members["server"], "/ws")
    log_in(browser)
    assert answer(members, connect, browser.post("/ticket").json()["ticket"]) == "* Ada is here"
    with pytest.raises(TimeoutError):
        stranger.recv(timeout=0.3)
