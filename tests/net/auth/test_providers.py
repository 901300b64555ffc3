"""Logins that another server confirms, from the page to the session, on real sockets and with real providers."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc import jws

from tests.net.auth.conftest import PAGE, Browser, sessions_of
from tests.net.auth.providers.hub import Hub, running_hub
from tests.net.auth.providers.issuer import Issuer
from tests.net.auth.providers.node_programs import certified_provider
from tests.net.conftest import journal
from tests.ports import free_port
from zefnb import ET, FX, run, zef_function
from zefnb.errors import InvalidEffect
from zefnb.net.auth.providers.jupyterhub import JupyterHubProvider


@zef_function
def who(request: Any) -> Any:
    return ET.JSON(content=request.user)


@pytest.fixture
def server(serve: Any, issuer: Issuer) -> Any:
    return serve({"/": "for us", "/who": who}, auth=ET.OIDC(issuer=issuer.url, client_id="app", client_secret="s3cret"))


def begun(browser: Browser, issuer: Issuer, next: str = "/") -> dict[str, str]:
    """Begin a login; the provider would redirect back with this query, and issue the token for it."""
    reply = browser.page(f"/auth/login?provider=oidc&next={next}")
    assert reply.status_code == 303
    query = {name: values[0] for name, values in parse_qs(urlsplit(reply.headers["location"]).query).items()}
    issuer.token = {"access_token": "a", "id_token": issuer.signed(nonce=query["nonce"], email="ada@example.com")}
    return {"code": "c", "state": query["state"]}


def back(browser: Browser, params: dict[str, str]) -> httpx.Response:
    return browser.get("/auth/callback", params=params, headers={**PAGE, "sec-fetch-site": "cross-site"})


def test_a_login_returns_to_the_page_where_it_began(server: Any, browse: Any, issuer: Issuer):
    ada = browse(server)
    reply = back(ada, begun(ada, issuer, "/who"))
    assert (reply.status_code, reply.headers["location"]) == (303, "/who")
    assert ada.page("/who").json() == {"id": "7", "name": "Ada", "provider": "oidc"}


FORGED = {
    "Host": "evil.example",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Prefix": "/evil",
    "X-Original-Host": "evil.example",
    "X-Host": "evil.example",
    "Forwarded": "host=evil.example;proto=https",
    "Referer": "http://evil.example/",
}


def redirect_uri(browser: Browser, **headers: str) -> str:
    """The address to which the provider is asked to redirect; empty when the request is refused."""
    reply = browser.page("/auth/login?provider=oidc", **headers)
    if reply.status_code == 403:
        return ""
    assert reply.status_code == 303
    return parse_qs(urlsplit(reply.headers["location"]).query)["redirect_uri"][0]


@pytest.mark.parametrize("name", FORGED)
@pytest.mark.parametrize("public_url", [None, "https://demo.example.com", "https://demo.example.com/app/"])
def test_no_forged_header_changes_where_a_provider_redirects_to(
    serve: Any, browse: Any, issuer: Issuer, name: str, public_url: str | None
):
    oidc = ET.OIDC(issuer=issuer.url, client_id="app", client_secret="s3cret")
    server = serve({"/": "for us"}, auth=ET.Auth(providers=[oidc], public_url=public_url))
    eve = browse(server)
    expected = f"{(public_url or eve.origin).rstrip('/')}/auth/callback"
    assert redirect_uri(eve) == expected
    assert redirect_uri(eve, **{name: FORGED[name]}) == ("" if name == "Host" else expected)


def test_a_login_by_the_public_url_behind_a_proxy_is_completed(serve: Any, browse: Any, issuer: Issuer):
    oidc = ET.OIDC(issuer=issuer.url, client_id="app", client_secret="s3cret")
    url = "https://demo.example.com"
    server = serve({"/who": who}, auth=ET.Auth(providers=[oidc], public_url=url))
    ada = browse(server)
    params = begun(ada, issuer, "/who")
    assert back(ada, params).headers["location"] == "/who"
    assert issuer.forms[0]["redirect_uri"] == f"{url}/auth/callback"


WRONG_URLS = [
    *("demo.example.com", "https://", "//demo.example.com", "ftp://a.example", "https://ada:pw@a.example", 3),
    *("https://a.example/?x=1", "https://a.example/#x", "https://a.example/\r\nx", "https://a.example//b"),
]


@pytest.mark.parametrize("wrong", WRONG_URLS)
def test_a_wrong_public_url_is_named(serve: Any, wrong: Any):
    with pytest.raises(InvalidEffect, match=r"auth\.public_url: got") as caught:
        serve({}, auth=ET.Auth(providers=["token"], public_url=wrong))
    assert "ada:pw" not in str(caught.value)


def test_two_logins_at_once_in_one_browser_both_succeed(server: Any, browse: Any, issuer: Issuer):
    ada = browse(server)
    first, first_token = begun(ada, issuer), issuer.token
    second, second_token = begun(ada, issuer), issuer.token
    for params, issuer.token in ((first, first_token), (second, second_token)):
        assert back(ada, params).status_code == 303
    assert ada.page("/who").json()["name"] == "Ada"


def test_a_login_is_finished_by_the_browser_that_began_it_and_once(server: Any, browse: Any, issuer: Issuer):
    ada, eve = browse(server), browse(server)
    params = begun(ada, issuer)
    assert back(eve, params).status_code == 400
    assert sessions_of(server) == []
    assert back(ada, params).status_code == 303
    assert back(ada, params).status_code == 400
    assert len(sessions_of(server)) == 1


@pytest.mark.parametrize("state", ["", "x", "../x", "\r\nset-cookie: a=b"])
def test_an_unknown_state_begins_no_session(server: Any, browse: Any, issuer: Issuer, state: str):
    ada = browse(server)
    begun(ada, issuer)
    assert back(ada, {"code": "c", "state": state}).status_code == 400
    assert (sessions_of(server), issuer.forms) == ([], [])


def test_what_a_provider_says_of_an_error_is_shown_as_text(server: Any, browse: Any, issuer: Issuer):
    ada = browse(server)
    params = begun(ada, issuer)
    reply = back(ada, {"state": params["state"], "error": "<script>alert(1)</script>"})
    assert reply.status_code == 403
    assert "<script>" not in reply.text


def test_a_token_of_another_application_begins_no_session(server: Any, browse: Any, issuer: Issuer):
    ada = browse(server)
    params = begun(ada, issuer)
    issuer.token = {"access_token": "a", "id_token": issuer.signed(aud="other")}
    reply = back(ada, params)
    assert reply.status_code == 403
    assert "for another application" in reply.text
    assert sessions_of(server) == []


def test_a_provider_that_is_down_is_named_on_the_page(server: Any, browse: Any, issuer: Issuer):
    issuer.stop()
    ada = browse(server)
    reply = ada.page("/auth/login?provider=oidc")
    assert reply.status_code == 502
    assert "cannot be reached" in reply.text
    assert sessions_of(server) == []


def test_only_verified_addresses_are_admitted(serve: Any, browse: Any, issuer: Issuer):
    oidc = ET.OIDC(issuer=issuer.url, client_id="app", client_secret="s3cret")
    server = serve({"/who": who}, auth=ET.Auth(providers=[oidc], allowed_emails=["*@example.com"]))
    for email, verified, status in (
        ("ada@example.com", True, 303),
        ("ada@example.com", False, 403),
        ("ada@example.com.evil.example", True, 403),
        ("ada@xample.com", True, 403),
    ):
        ada = browse(server)
        params = begun(ada, issuer)
        nonce = _nonce(issuer)
        token = issuer.signed(nonce=nonce, email=email, email_verified=verified)
        issuer.token = {"access_token": "a", "id_token": token}
        assert back(ada, params).status_code == status, email


def _nonce(issuer: Issuer) -> str:
    claims = json.loads(jws.extract_compact(issuer.token["id_token"].encode()).payload)
    return str(claims["nonce"])


def test_users_of_two_providers_with_the_same_id_are_two_users(serve: Any, browse: Any, issuer: Issuer):
    another = Issuer()
    try:
        providers = [ET.OIDC(issuer=each.url, client_id="app", client_secret="s") for each in (issuer, another)]
        server = serve({"/who": who}, auth=ET.Auth(providers=providers))
        ada, eve = browse(server), browse(server)
        assert back(ada, begun(ada, issuer)).status_code == 303
        reply = eve.page("/auth/login?provider=oidc-2")
        query = parse_qs(urlsplit(reply.headers["location"]).query)
        another.token = {"access_token": "a", "id_token": another.signed(nonce=query["nonce"][0], email="e@b.example")}
        assert back(eve, {"code": "c", "state": query["state"][0]}).status_code == 303
        assert [browser.page("/who").json()["provider"] for browser in (ada, eve)] == ["oidc", "oidc-2"]
    finally:
        another.stop()


def test_the_secrets_of_a_login_reach_no_journal(server: Any, browse: Any, issuer: Issuer):
    ada = browse(server)
    params = begun(ada, issuer)
    issuer.token = {"error": "invalid_client"}
    reply = back(ada, params)
    text = repr(journal()) + repr(FX.QueryLog(limit=100) | run) + reply.text
    for secret in ("s3cret", params["state"], issuer.forms[0]["code_verifier"]):
        assert secret not in text


def test_a_person_logs_in_at_a_certified_provider(serve: Any, browse: Any):
    port = free_port()
    auth = ET.OIDC(issuer=f"http://127.0.0.1:{port}", client_id="app", client_secret="s3cret")
    server = serve({"/who": who}, auth=auth)
    with (
        certified_provider(port, f"http://localhost:{server.port}/auth/callback"),
        httpx.Client(timeout=60) as elsewhere,
    ):
        ada = browse(server)
        page = elsewhere.get(ada.page("/auth/login?provider=oidc&next=/who").headers["location"])
        for form in ({}, {"prompt": "login", "login": "ada", "password": "any"}, {"prompt": "consent"}):
            if form:
                page = elsewhere.post(page.url, data=form)
            while page.is_redirect and f":{server.port}/" not in page.headers["location"]:
                page = elsewhere.get(page.url.join(page.headers["location"]))
        reply = ada.get(page.headers["location"], headers={**PAGE, "sec-fetch-site": "cross-site"})
        assert (reply.status_code, reply.headers["location"]) == (303, "/who")
        assert ada.page("/who").json()["email"] == "ada@example.com"


@pytest.fixture
def hub(tmp_path: Any, request: pytest.FixtureRequest) -> Iterator[tuple[Hub, int]]:
    port = free_port()
    with running_hub(tmp_path, f"http://localhost:{port}/auth/callback") as hub:
        yield hub, port


def test_a_session_ends_after_the_login_at_the_hub_has_ended(
    serve: Any, browse: Any, hub: tuple[Hub, int], monkeypatch: pytest.MonkeyPatch, until: Any
):
    there, port = hub
    monkeypatch.setattr(JupyterHubProvider, "recheck_interval", 0.2)
    server = serve({"/who": who}, auth=ET.JupyterHub(**there.fields), port=port)
    ada = browse(server)
    with httpx.Client(timeout=60) as elsewhere:
        there.log_in(elsewhere, "ada")
        at_hub = elsewhere.get(ada.page("/auth/login?provider=jupyterhub&next=/who").headers["location"])
        assert back(ada, dict(httpx.URL(at_hub.headers["location"]).params)).headers["location"] == "/who"
        assert ada.page("/who").json()["name"] == "ada"
        elsewhere.get(f"{there.url}/hub/logout")
        until(lambda: ada.page("/who").status_code == 303)
    assert sessions_of(server) == []


def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch):
    for name in [name for name in sys.modules if re.match(r"zefnb\.net\.auth\.providers\.(?!provider$)", name)]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "authlib.integrations.httpx_client", None)
    auth = ET.GitHubOAuth(client_id="id", client_secret="secret")
    with pytest.raises(InvalidEffect, match=r"auth: ET.GitHubOAuth needs the package .*pip install 'zefnb\[auth\]'"):
        FX.StartHTTPServer(routes={}, port=0, auth=auth)
