"""Many wrong logins at once, on real sockets: what they may cost, and whom they disturb."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from tests.net.auth.conftest import PAGE, PASSWORDS, Browser, sessions_of
from zefnb import ET, FX, zef_function
from zefnb.net.auth import throttle
from zefnb.net.auth.throttle import ADDRESS_FAILURES_LIMIT, NAME_FAILURES_LIMIT

ATTEMPTS = 1_000


@zef_function
def echo(message: Any, state: Any) -> Any:
    if isinstance(message, str):
        return [[FX.Publish(target=state, content=message)], state]
    return [[], getattr(message, "topic_out", state)]


@pytest.fixture(autouse=True)
def window(monkeypatch: pytest.MonkeyPatch) -> float:
    """A window that does not end during a test, on a slow machine either."""
    monkeypatch.setattr(throttle, "THROTTLE_WINDOW", 3_600.0)
    return 3_600.0


@pytest.fixture
def server(serve: Any) -> Any:
    return serve(
        {"/": "for us", "/ws": ET.WebSocket(actor=FX.StartActor(initial_state=None, handler=echo))}, auth=PASSWORDS
    )


def guessed(server: Any, names: list[str]) -> list[httpx.Response]:
    """The replies to one login with a wrong password for each name, all sent at once over 50 connections."""

    async def guess() -> list[httpx.Response]:
        origin = f"http://localhost:{server.port}"
        limits = httpx.Limits(max_connections=50)
        async with httpx.AsyncClient(base_url=origin, limits=limits, timeout=httpx.Timeout(250, pool=None)) as client:
            forms = [{"name": name, "password": "guessed"} for name in names]
            headers = {**PAGE, "origin": origin}
            return await asyncio.gather(*(client.post("/auth/login", data=form, headers=headers) for form in forms))

    return asyncio.run(guess())


@pytest.mark.slow
@pytest.mark.timeout(300)  # 200 checks of passwords, each of which takes as long as it is meant to
def test_a_thousand_wrong_logins_are_refused_with_the_time_to_wait_and_users_are_not_disturbed(
    server: Any, browse: Any, window: float
):
    ada: Browser = browse(server)
    ada.login("ada")
    options = {"additional_headers": {"cookie": ada.cookie}, "origin": ada.origin}
    with connect(f"ws://localhost:{server.port}/ws", **options) as socket:
        replies = guessed(server, [f"name-{number}" for number in range(ATTEMPTS)])
        socket.send("still here")
        assert socket.recv(timeout=20) == "still here"
    counts = Counter(reply.status_code for reply in replies)
    assert counts == {401: ADDRESS_FAILURES_LIMIT, 429: ATTEMPTS - ADDRESS_FAILURES_LIMIT}
    assert all(1 <= int(reply.headers["retry-after"]) <= window for reply in replies if reply.status_code == 429)
    assert {reply.headers["connection"] for reply in replies if reply.status_code == 429} == {"close"}
    assert ada.page("/").status_code == 200
    assert len(sessions_of(server)) == 1


def test_the_guesses_of_one_name_are_limited_before_those_of_an_address(server: Any):
    counts = Counter(reply.status_code for reply in guessed(server, ["ada"] * 50))
    assert counts == {401: NAME_FAILURES_LIMIT, 429: 50 - NAME_FAILURES_LIMIT}
    assert Counter(reply.status_code for reply in guessed(server, ["bob"] * 5)) == {401: 5}
