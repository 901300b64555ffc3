"""Logins at a certified OpenID provider (oidc-provider) and at another one (oidc-provider-mock)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import oidc_provider_mock
import pytest

from tests.net.auth.providers.node_programs import certified_provider
from tests.ports import free_port
from zefnb.net.auth.flows import Flow, Flows
from zefnb.net.auth.providers import oidc
from zefnb.net.auth.providers.openid import OpenIDProvider
from zefnb.net.auth.providers.provider import LoginFailed

CALLBACK = "http://127.0.0.1:1/auth/callback"


def new_flow() -> Flow:
    flow, _ = Flows().start("oidc", CALLBACK, "/")
    return flow


def provider_at(url: str) -> OpenIDProvider:
    return oidc.make({"issuer": url, "client_id": "app", "client_secret": "s3cret"})


@pytest.fixture(scope="module")
def certified() -> Iterator[str]:
    with certified_provider(free_port(), CALLBACK) as url:
        yield url


def redirected(browser: httpx.Client, response: httpx.Response) -> httpx.Response | dict[str, str]:
    """Follow redirects to a page, or to the client's address: then return its query."""
    while response.is_redirect:
        target = response.url.join(response.headers["location"])
        if str(target).startswith(CALLBACK):
            return dict(target.params)
        response = browser.get(target)
    return response


def params_of_login(url: str, name: str) -> dict[str, str]:
    """Do what a person does at the certified provider: a name and a password, then consent."""
    with httpx.Client(timeout=60) as browser:
        page = redirected(browser, browser.get(url))
        for form in ({"prompt": "login", "login": name, "password": "any"}, {"prompt": "consent"}):
            assert isinstance(page, httpx.Response)
            page = redirected(browser, browser.post(page.url, data=form))
    assert isinstance(page, dict)
    return page


def test_a_login_at_a_certified_provider_gives_its_user(certified: str):
    provider, flow = provider_at(certified), new_flow()
    params = params_of_login(asyncio.run(provider.start(flow)), "ada")
    assert params["state"] == flow.state
    assert asyncio.run(provider.finish(flow, params)).user == {
        "id": "ada",
        "name": "ada of the test",
        "provider": "oidc",
        "email": "ada@example.com",
    }


def test_the_code_of_one_login_does_not_finish_another(certified: str):
    """Its verifier is another one, and so would be its nonce (RFC 7636, section 4.6)."""
    provider, flow, other = provider_at(certified), new_flow(), new_flow()
    params = params_of_login(asyncio.run(provider.start(flow)), "ada")
    with pytest.raises(LoginFailed, match="invalid_grant"):
        asyncio.run(provider.finish(other, params))


def test_a_code_is_used_once(certified: str):
    provider, flow = provider_at(certified), new_flow()
    params = params_of_login(asyncio.run(provider.start(flow)), "ada")
    asyncio.run(provider.finish(flow, params))
    with pytest.raises(LoginFailed, match="invalid_grant"):
        asyncio.run(provider.finish(flow, params))


@pytest.fixture(scope="module")
def another() -> Iterator[str]:
    with oidc_provider_mock.run_server_in_thread() as server:
        yield f"http://127.0.0.1:{server.server_port}"


def test_a_login_at_another_provider_gives_its_user(another: str):
    claims: dict[str, Any] = {"name": "Ada", "email": "ada@example.com", "email_verified": True}
    httpx.put(f"{another}/users/7", json=claims).raise_for_status()
    provider, flow = provider_at(another), new_flow()
    response = httpx.post(asyncio.run(provider.start(flow)), data={"sub": "7"})
    params = dict(httpx.URL(response.headers["location"]).params)
    user = asyncio.run(provider.finish(flow, params)).user
    assert user == {"id": "7", "name": "Ada", "provider": "oidc", "email": "ada@example.com"}


def test_a_token_of_another_login_is_refused_by_its_nonce(another: str):
    httpx.put(f"{another}/users/8", json={"name": "Eve"}).raise_for_status()
    provider, flow, other = provider_at(another), new_flow(), new_flow()
    response = httpx.post(asyncio.run(provider.start(flow)), data={"sub": "8"})
    params = dict(httpx.URL(response.headers["location"]).params)
    with pytest.raises(LoginFailed, match="another login"):
        asyncio.run(provider.finish(other, params))
