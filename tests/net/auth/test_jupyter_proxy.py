"""Logins through a real jupyter-server-proxy, below the base url of a Jupyter server with a token."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.browser.lab import Lab
from tests.net.auth.conftest import PAGE, PASSWORDS, auth_of, sessions_of
from zefnb import ET, zef_function


@zef_function
def seen(request: Any) -> Any:
    return ET.JSON(content={"user": request.user["name"], "headers": request.headers, "query": request.query})


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab(tmp_path_factory.mktemp("lab"), "/user/ada/")
    yield lab
    lab.close()


@pytest.fixture
def server(serve: Any, topic: Any) -> Any:
    routes = {"/rooms": seen, "/ws": ET.WebSocket(clients_subscribe_to=[topic], clients_push_into_=[topic])}
    return serve(routes, auth=ET.Auth(providers=[PASSWORDS, "token"]), trusted_proxies=["127.0.0.1"])


@pytest.fixture
def browser(lab: Lab) -> Iterator[httpx.Client]:
    """A browser that has opened the Jupyter server by its link with a token, and so has its cookie."""
    with httpx.Client(base_url=f"http://127.0.0.1:{lab.port}", timeout=20, headers=PAGE) as browser:
        browser.get(f"{lab.base}api/status", params={"token": lab.token})
        assert browser.get(f"{lab.base}api/status").status_code == 200
        yield browser


def target(reply: httpx.Response) -> str:
    """The path and query to which a redirect leads."""
    assert reply.next_request is not None
    return reply.next_request.url.raw_path.decode()


def test_a_login_keeps_the_prefix_in_redirects_and_cookies(lab: Lab, server: Any, browser: httpx.Client):
    prefix, origin = f"{lab.base}proxy/{server.port}", f"http://127.0.0.1:{lab.port}"
    reply = browser.get(f"{prefix}/rooms?x=1")
    assert (reply.status_code, target(reply)) == (303, f"{prefix}/auth/login?next=/rooms%3Fx%3D1")
    form = browser.get(target(reply))
    assert form.status_code == 200
    data = {"name": "ada", "password": PASSWORDS["ada"], "next": "/rooms?x=1"}
    reply = browser.post(f"{prefix}/auth/login", data=data, headers={"origin": origin})
    assert (reply.status_code, target(reply)) == (303, f"{prefix}/rooms?x=1")
    assert f"; Path={prefix};" in reply.headers["set-cookie"]
    page = browser.get(target(reply)).json()
    assert (page["user"], page["query"]) == ("ada", "x=1")
    # Neither the login here nor that of the Jupyter server reaches a handler.
    [secret] = [each.value for each in browser.cookies.jar if "session" in each.name and "zefnb" in each.name]
    assert secret
    assert secret not in str(page)
    assert not [name for name in ("cookie", "authorization") if name in page["headers"]]
    cookies = "; ".join(f"{each.name}={each.value}" for each in browser.cookies.jar)
    url = f"ws://127.0.0.1:{lab.port}{prefix}/ws"
    with connect(url, proxy=None, origin=origin, additional_headers={"Cookie": cookies}) as socket:
        socket.send("hello")
        assert socket.recv(timeout=20) == "hello"
    for foreign in ("http://127.0.0.1:1", "http://localhost:1"):
        with pytest.raises(InvalidStatus) as refused:
            connect(url, proxy=None, origin=foreign, additional_headers={"Cookie": cookies})
        assert refused.value.response.status_code == 403
    reply = browser.post(f"{prefix}/auth/logout", headers={"origin": origin})
    assert (reply.status_code, target(reply)) == (303, f"{prefix}/auth/login")
    assert browser.get(f"{prefix}/rooms").status_code == 303
    assert sessions_of(server) == []


def test_the_access_link_works_below_the_prefix(lab: Lab, server: Any, browser: httpx.Client):
    prefix = f"{lab.base}proxy/{server.port}"
    reply = browser.get(f"{prefix}{auth_of(server).link_path}")
    assert (reply.status_code, target(reply)) == (303, f"{prefix}/")
    assert browser.get(f"{prefix}/rooms").json()["user"] == "owner"


def test_the_token_of_the_jupyter_server_is_no_login(lab: Lab, server: Any, browser: httpx.Client):
    path = f"{lab.base}proxy/{server.port}/rooms"
    assert browser.get(path, headers={"authorization": f"token {lab.token}"}).status_code == 303
    assert browser.get(path, params={"token": lab.token}).status_code == 303
    assert sessions_of(server) == []


def test_a_login_works_although_the_server_does_not_trust_the_proxy(lab: Lab, serve: Any, browser: httpx.Client):
    server = serve({"/rooms": seen}, auth=PASSWORDS)
    data = {"name": "ada", "password": PASSWORDS["ada"], "next": "/rooms"}
    origin = f"http://127.0.0.1:{lab.port}"
    reply = browser.post(f"{lab.base}proxy/{server.port}/auth/login", data=data, headers={"origin": origin})
    assert reply.status_code == 303
    assert browser.get(target(reply)).json()["user"] == "ada"
