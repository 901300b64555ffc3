"""Logins at a real JupyterHub."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest

from tests.net.auth.providers.hub import Hub, running_hub
from tests.ports import free_port
from zefnb.net.auth.flows import Flow, Flows
from zefnb.net.auth.providers import jupyterhub
from zefnb.net.auth.providers.jupyterhub import Service
from zefnb.net.auth.providers.provider import LoginFailed


@pytest.fixture(scope="module")
def callback() -> str:
    return f"http://127.0.0.1:{free_port()}/auth/callback"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory, callback: str) -> Iterator[Hub]:
    with running_hub(tmp_path_factory.mktemp("hub"), callback) as hub:
        yield hub


@pytest.fixture
def browser() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=60) as browser:
        yield browser


@pytest.fixture
def started(callback: str) -> Flow:
    return Flows().start("jupyterhub", callback, "/")[0]


def params_from(browser: httpx.Client, url: str) -> dict[str, str]:
    response = browser.get(url)
    assert response.status_code == 302, response.text
    return dict(httpx.URL(response.headers["location"]).params)


def test_a_login_gives_the_user_of_the_hub_until_the_login_at_the_hub_ends(
    hub: Hub, browser: httpx.Client, started: Flow
):
    provider = jupyterhub.make(hub.fields)
    hub.log_in(browser, "ada")
    params = params_from(browser, asyncio.run(provider.start(started)))
    user, kept = asyncio.run(provider.finish(started, params))
    assert params["state"] == started.state
    assert user == {"id": "ada", "name": "ada", "provider": "jupyterhub", "admin": False, "groups": []}
    assert asyncio.run(provider.recheck(user, kept))
    assert not asyncio.run(provider.recheck({**user, "id": "eve"}, kept))
    browser.get(f"{hub.url}/hub/logout")
    assert not asyncio.run(provider.recheck(user, kept))


def test_a_code_that_the_hub_did_not_issue_is_refused(hub: Hub, started: Flow):
    provider = jupyterhub.make(hub.fields)
    with pytest.raises(LoginFailed, match="refused the code"):
        asyncio.run(provider.finish(started, {"code": "guessed"}))


def test_a_hub_that_is_down_does_not_end_a_login(started: Flow):
    fields = {"client_id": "c", "api_token": "t", "api_url": f"http://127.0.0.1:{free_port()}/hub/api"}
    with pytest.raises(LoginFailed, match="cannot be reached"):
        asyncio.run(jupyterhub.make(fields).recheck({"id": "ada"}, "token"))


def test_the_address_of_the_hub_is_that_of_the_notebook_if_only_its_path_is_known():
    service = Service.of({}, {"JUPYTERHUB_BASE_URL": "/lab/", "JUPYTERHUB_API_URL": "http://10.0.0.1:8081/lab/hub/api"})
    flow = Flows().start("jupyterhub", "https://hub.example.com/lab/user/ada/proxy/8000/auth/callback", "/")[0]
    url = asyncio.run(jupyterhub.JupyterHubProvider(service).start(flow))
    assert url.startswith("https://hub.example.com/lab/hub/api/oauth2/authorize?")


REGISTERED = {
    "JUPYTERHUB_CLIENT_ID": "service-zefnb",
    "JUPYTERHUB_API_TOKEN": "t",
    "JUPYTERHUB_API_URL": "http://127.0.0.1:8081/hub/api",
}


@pytest.mark.parametrize(
    ("environ", "fields", "missing"),
    [
        (REGISTERED, {}, []),
        ({}, {}, ["auth.api_url", "auth.client_id"]),
        (REGISTERED | {"JUPYTERHUB_CLIENT_ID": "jupyterhub-user-ada"}, {}, ["auth.client_id"]),
        (REGISTERED | {"JUPYTERHUB_CLIENT_ID": "jupyterhub-user-ada"}, {"client_id": "c"}, ["auth.api_token"]),
        (REGISTERED | {"JUPYTERHUB_CLIENT_ID": "jupyterhub-user-ada"}, {"client_id": "c", "api_token": "t"}, []),
    ],
    ids=["registered", "no hub", "single-user server", "no token", "given"],
)
def test_what_is_not_registered_is_named_with_what_to_ask_for(
    environ: Mapping[str, str], fields: dict[str, Any], missing: list[str]
):
    faults = Service.of(fields, environ).faults("auth")
    assert [fault.field for fault in faults] == missing
    if missing and missing != ["auth.api_url"]:
        assert "c.JupyterHub.services = [{'name': 'zefnb'" in str(faults[-1])
