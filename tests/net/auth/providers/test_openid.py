"""The code flow with a provider of OpenID Connect, on real sockets."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import tracemalloc
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc.jwk import RSAKey

from tests.net.auth.providers.issuer import Issuer
from zefnb.net.auth.flows import Flow
from zefnb.net.auth.providers import google, oidc
from zefnb.net.auth.providers.openid import OpenIDProvider, user_from
from zefnb.net.auth.providers.outgoing import RESPONSE_LIMIT
from zefnb.net.auth.providers.provider import LoginFailed


@pytest.fixture
def provider(issuer: Issuer) -> OpenIDProvider:
    return oidc.make({"issuer": issuer.url, "client_id": "app", "client_secret": "s3cret"})


def finished(provider: OpenIDProvider, flow: Flow, **params: str) -> dict[str, Any]:
    return asyncio.run(provider.finish(flow, {"code": "c", **params})).user


def test_the_browser_is_sent_to_the_provider_with_state_nonce_and_challenge(provider: Any, issuer: Issuer, flow: Flow):
    url = urlsplit(asyncio.run(provider.start(flow)))
    query = {name: values[0] for name, values in parse_qs(url.query).items()}
    challenge = base64.urlsafe_b64encode(hashlib.sha256(flow.verifier.encode()).digest()).rstrip(b"=").decode()
    assert f"{url.scheme}://{url.netloc}{url.path}" == f"{issuer.url}/authorize"
    assert query == {
        "tenant": "1",
        "response_type": "code",
        "client_id": "app",
        "redirect_uri": flow.redirect_uri,
        "scope": "openid profile email",
        "state": flow.state,
        "nonce": "n",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    assert flow.verifier not in url.query


def test_a_code_becomes_the_user_of_the_id_token(provider: Any, issuer: Issuer, flow: Flow):
    issuer.token = {"access_token": "a", "id_token": issuer.signed(email="ada@example.com", email_verified=True)}
    assert finished(provider, flow) == {"id": "7", "name": "Ada", "provider": "oidc", "email": "ada@example.com"}
    assert issuer.forms[0]["code_verifier"] == flow.verifier
    assert issuer.forms[0]["redirect_uri"] == flow.redirect_uri


def test_claims_that_are_not_in_the_token_come_from_the_profile(provider: Any, issuer: Issuer, flow: Flow):
    issuer.token = {"access_token": "a", "id_token": issuer.signed(name=None)}
    issuer.profile = {"sub": "7", "name": "Ada L.", "email": "ada@example.com", "email_verified": True}
    assert finished(provider, flow)["name"] == "Ada L."
    assert finished(provider, flow)["email"] == "ada@example.com"


def test_the_profile_of_another_user_is_refused(provider: Any, issuer: Issuer, flow: Flow):
    issuer.token = {"access_token": "a", "id_token": issuer.signed(name=None)}
    issuer.profile = {"sub": "8", "name": "Eve", "email": "eve@example.com", "email_verified": True}
    with pytest.raises(LoginFailed, match="another user"):
        finished(provider, flow)


@pytest.mark.parametrize("verified", [False, None, "false", 1, "yes"])
def test_an_address_that_is_not_verified_is_left_out(verified: Any):
    claims = {"sub": "7", "name": "Eve", "email": "ada@example.com", "email_verified": verified}
    assert user_from("oidc", claims) == {"id": "7", "name": "Eve", "provider": "oidc"}


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ({"issuer": "https://other.example"}, "another issuer"),
        ({"issuer": None}, "another issuer"),
        ({"token_endpoint": "http://login.example.com/token"}, "no usable token_endpoint"),
        ({"jwks_uri": "file:///etc/passwd"}, "no usable jwks_uri"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "no usable authorization_endpoint"),
        ({"authorization_endpoint": None}, "no usable authorization_endpoint"),
    ],
    ids=str,
)
def test_metadata_that_lie_are_refused(provider: Any, issuer: Issuer, flow: Flow, metadata: Any, reason: str):
    issuer.metadata = metadata
    with pytest.raises(LoginFailed, match=reason):
        asyncio.run(provider.start(flow))


def test_a_code_of_another_provider_is_refused(provider: Any, issuer: Issuer, flow: Flow):
    issuer.token = {"access_token": "a", "id_token": issuer.signed()}
    with pytest.raises(LoginFailed, match="another login provider"):
        finished(provider, flow, iss="https://other.example")
    assert not issuer.forms


def test_a_provider_that_promises_to_name_itself_must_do_so(provider: Any, issuer: Issuer, flow: Flow):
    issuer.metadata = {"authorization_response_iss_parameter_supported": True}
    issuer.token = {"access_token": "a", "id_token": issuer.signed(email="a@b.example")}
    with pytest.raises(LoginFailed, match="another login provider"):
        finished(provider, flow)
    assert finished(provider, flow, iss=issuer.url)["id"] == "7"


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        ({"error": "invalid_grant", "error_description": "<script>"}, r"refused the code \(invalid_grant\)"),
        ({"error": "<b>\x1b[2J"}, r"refused the code \(\?\)"),
        ({"access_token": "a"}, "no ID token"),
        ({"id_token": "x"}, "a token"),
        ([], "login provider"),
        (None, "login provider"),
        (b"not json", "login provider"),
        (b'{"access_token": "' + b"x" * (1 << 20) + b'"}', "cannot be reached"),
        (b'{"access_token": ' + b"[" * 100_000, "a token"),
    ],
    ids=["error", "escapes", "no ID token", "no access token", "list", "404", "no JSON", "long", "nested"],
)
def test_other_responses_to_the_code_are_errors_that_quote_nothing(
    provider: Any, issuer: Issuer, flow: Flow, response: Any, reason: str
):
    issuer.token = response
    with pytest.raises(LoginFailed, match=reason) as caught:
        finished(provider, flow)
    assert not {"<", "\x1b"} & set(str(caught.value))


@pytest.mark.parametrize(("more", "reason"), [(0, "ID token is malformed"), (1, "cannot be reached")])
def test_a_response_of_the_limit_is_read_and_one_more_byte_is_not(
    provider: Any, issuer: Issuer, flow: Flow, more: int, reason: str
):
    start = b'{"access_token": "a", "id_token": "x.y.z"'
    issuer.token = start.ljust(RESPONSE_LIMIT - 1 + more) + b"}"  # type: ignore[assignment]
    with pytest.raises(LoginFailed, match=reason):
        finished(provider, flow)


def test_a_compressed_response_is_refused_before_it_is_unpacked(provider: Any, issuer: Issuer, flow: Flow):
    packed = gzip.compress(b" " * (64 << 20) + b'{"access_token": "a"}')
    assert len(packed) < RESPONSE_LIMIT
    asyncio.run(provider.start(flow))
    issuer.encoding, issuer.token = "gzip", packed  # type: ignore[assignment]
    tracemalloc.start()
    try:
        with pytest.raises(LoginFailed, match="cannot be reached"):
            finished(provider, flow)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()
    assert issuer.accepted_encodings == {"identity"}


def test_the_secret_is_sent_in_the_body_to_a_provider_that_wants_it_there(provider: Any, issuer: Issuer, flow: Flow):
    issuer.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    issuer.token = {"access_token": "a", "id_token": issuer.signed(email="a@b.example")}
    finished(provider, flow)
    assert issuer.forms[0]["client_secret"] == "s3cret"


def test_the_metadata_and_keys_are_fetched_once_for_many_logins(provider: Any, issuer: Issuer, flow: Flow):
    issuer.token = {"access_token": "a", "id_token": issuer.signed(email="a@b.example")}
    for _ in range(5):
        finished(provider, flow)
    assert (issuer.requests["/.well-known/openid-configuration"], issuer.requests["/keys"]) == (1, 1)


def test_a_login_works_after_the_provider_has_changed_its_keys(provider: Any, issuer: Issuer, flow: Flow):
    issuer.token = {"access_token": "a", "id_token": issuer.signed(email="a@b.example")}
    finished(provider, flow)
    issuer.key = RSAKey.generate_key(2048, {"kid": "two", "use": "sig"})
    issuer.published = [issuer.key]
    issuer.token = {"access_token": "a", "id_token": issuer.signed(email="a@b.example")}
    assert finished(provider, flow)["id"] == "7"
    assert issuer.requests["/keys"] == 2


def test_a_provider_that_is_not_there_is_named_and_tried_again(issuer: Issuer, flow: Flow):
    provider = oidc.make({"issuer": issuer.url, "client_id": "app", "client_secret": "s3cret"})
    issuer.stop()
    with pytest.raises(LoginFailed, match="cannot be reached"):
        asyncio.run(provider.start(flow))


@pytest.mark.parametrize(
    "issuer_url",
    [
        "http://login.example.com",
        "login.example.com",
        "https://",
        "https://a.example?x",
        "https://u@a.example",
        7,
        None,
    ],
)
def test_an_issuer_that_cannot_be_used_is_a_mistake_in_its_field(issuer_url: Any):
    [fault] = oidc.faults("auth", {"issuer": issuer_url})
    assert fault.field == "auth.issuer"
    assert "https://login.example.com" in str(fault)


def test_google_is_an_issuer_that_is_known():
    fields = {"client_id": "app", "client_secret": "s"}
    assert google.faults("auth", fields) == []
    assert (google.make(fields).name, google.make(fields).label) == ("google", "Google")
