"""The code flow with GitHub, whose API names the user, on real sockets."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.net.auth.providers.issuer import Issuer
from zefnb.net.auth.flows import Flow
from zefnb.net.auth.providers import github
from zefnb.net.auth.providers.github import GitHubProvider
from zefnb.net.auth.providers.provider import LoginFailed

ADA = {"id": 7, "login": "ada", "name": "Ada Lovelace"}
VERIFIED = {"email": "ada@example.com", "primary": True, "verified": True}


@pytest.fixture
def provider(issuer: Issuer) -> GitHubProvider:
    issuer.pages = {
        "/login/oauth/access_token": {"access_token": "t0ken", "token_type": "bearer", "scope": "user:email"},
        "/api/v3/user": ADA,
        "/api/v3/user/emails": [VERIFIED | {"email": "old@example.com", "primary": False}, VERIFIED],
    }
    return github.make({"url": issuer.url, "client_id": "app", "client_secret": "s3cret"})


def finished(provider: GitHubProvider, flow: Flow) -> dict[str, Any]:
    return asyncio.run(provider.finish(flow, {"code": "c"})).user


def test_the_browser_is_sent_to_github_with_state_and_challenge(provider: Any, issuer: Issuer, flow: Flow):
    url = asyncio.run(provider.start(flow))
    query = parse_qs(urlsplit(url).query)
    assert url.startswith(f"{issuer.url}/login/oauth/authorize?")
    assert (query["state"], query["code_challenge"]) == ([flow.state], [flow.challenge])
    assert query["scope"] == ["read:user user:email"]


def test_the_user_has_the_unique_login_as_name_and_the_verified_address(provider: Any, issuer: Issuer, flow: Flow):
    assert finished(provider, flow) == {
        "id": "7",
        "name": "ada",
        "provider": "github",
        "full_name": "Ada Lovelace",
        "email": "ada@example.com",
    }
    assert (issuer.forms[0]["client_secret"], issuer.forms[0]["code_verifier"]) == ("s3cret", flow.verifier)
    assert issuer.authorizations[-1] == "Bearer t0ken"


@pytest.mark.parametrize(
    "emails",
    [[], [VERIFIED | {"verified": False}], [VERIFIED | {"primary": False}], {"message": "no"}, [None, "x"]],
    ids=["none", "unverified", "secondary", "no list", "no addresses"],
)
def test_an_address_that_is_not_verified_is_left_out(provider: Any, issuer: Issuer, flow: Flow, emails: Any):
    issuer.pages["/api/v3/user/emails"] = emails
    assert "email" not in finished(provider, flow)


@pytest.mark.parametrize("account", [{}, [], {"id": "7", "login": "ada"}, {"id": 7}, {"id": 7, "login": 7}], ids=str)
def test_a_response_without_a_user_is_refused(provider: Any, issuer: Issuer, flow: Flow, account: Any):
    issuer.pages["/api/v3/user"] = account
    with pytest.raises(LoginFailed, match="names no user"):
        finished(provider, flow)


def test_a_code_that_github_refuses_is_an_error(provider: Any, issuer: Issuer, flow: Flow):
    issuer.pages["/login/oauth/access_token"] = {"error": "bad_verification_code"}
    with pytest.raises(LoginFailed, match="bad_verification_code"):
        finished(provider, flow)


def test_a_server_of_the_users_own_is_reached_by_tls_only():
    [fault] = github.faults("auth", {"url": "http://github.example.com"})
    assert fault.field == "auth.url"
    assert github.faults("auth", {}) == []
