"""ID tokens that must not let anybody in (OpenID Connect Core, section 3.1.3.7)."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import time
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, OKPKey, RSAKey

from zefnb.net.auth.providers.id_token import verify
from zefnb.net.auth.providers.keys import REFETCH_INTERVAL, Keys
from zefnb.net.auth.providers.provider import LoginFailed

KEY = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
NOW = 1_800_000_000
CLAIMS = {"iss": "https://a", "aud": "app", "sub": "7", "nonce": "n", "iat": NOW, "exp": NOW + 60}


def published(*keys: Any) -> Keys:
    async def fetch() -> Any:
        return KeySet(list(keys)).as_dict(private=False)

    return Keys(fetch)


def checked(token: Any, keys: Keys | None = None) -> dict[str, Any]:
    verifying = verify(token, keys or published(KEY), issuer="https://a", client_id="app", nonce="n", clock=lambda: NOW)
    return asyncio.run(verifying)


def signed(key: Any = KEY, alg: str = "RS256", **changes: Any) -> str:
    claims = {name: value for name, value in {**CLAIMS, **changes}.items() if value is not None}
    return jwt.encode({"alg": alg, "kid": key.kid} if key.kid else {"alg": alg}, claims, key, algorithms=[alg])


def unsigned(**header: Any) -> str:
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, CLAIMS)]
    return ".".join([*parts, ""])


@pytest.mark.parametrize(
    ("key", "alg"),
    [
        (KEY, "RS256"),
        (KEY, "PS512"),
        (ECKey.generate_key("P-256"), "ES256"),
        (OKPKey.generate_key("Ed25519"), "Ed25519"),
    ],
    ids=["RS256", "PS512", "ES256", "Ed25519"],
)
def test_a_token_that_the_provider_signed_for_this_login_gives_its_claims(key: Any, alg: str):
    assert checked(signed(key, alg), published(key))["sub"] == "7"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": "https://b"}, "another issuer"),
        ({"iss": "https://a/"}, "another issuer"),
        ({"iss": None}, "another issuer"),
        ({"aud": "other"}, "another application"),
        ({"aud": None}, "another application"),
        ({"aud": ["app", "other"]}, "another application"),
        ({"aud": ["other"], "azp": "app"}, "another application"),
        ({"azp": "other"}, "another application"),
        ({"exp": NOW - 10}, "expired"),
        ({"exp": None}, "expired"),
        ({"exp": True}, "expired"),
        ({"exp": "soon"}, "expired"),
        ({"exp": 1e300}, "expired"),
        ({"iat": None}, "expired"),
        ({"iat": NOW + 11}, "not valid yet"),
        ({"nbf": NOW + 11}, "not valid yet"),
        ({"nonce": None}, "another login"),
        ({"nonce": "m"}, "another login"),
        ({"nonce": ""}, "another login"),
        ({"nonce": 7}, "another login"),
        ({"sub": None}, "names no user"),
        ({"sub": ""}, "names no user"),
        ({"sub": 7}, "names no user"),
    ],
    ids=str,
)
def test_a_token_with_other_claims_is_refused(changes: dict[str, Any], reason: str):
    with pytest.raises(LoginFailed, match=reason):
        checked(signed(**changes))


def test_clocks_may_differ_by_ten_seconds():
    assert checked(signed(exp=NOW - 9, iat=NOW + 10, nbf=NOW + 10))["sub"] == "7"


def test_several_audiences_need_an_authorized_party():
    assert checked(signed(aud=["other", "app"], azp="app"))["sub"] == "7"


@pytest.mark.parametrize("alg", ["none", "None", "nOnE", "", None, "HS256", "dir"])
def test_a_token_without_a_signature_is_refused(alg: Any):
    with pytest.raises(LoginFailed, match="public-key algorithm"):
        checked(unsigned(alg=alg))


@pytest.mark.parametrize("alg", ["HS256", "HS512"])
def test_a_token_signed_with_the_public_key_as_a_shared_secret_is_refused(alg: str):
    head = unsigned(alg=alg, kid="one").rstrip(".")
    digest = hmac.digest(KEY.as_pem(private=False), head.encode(), f"sha{alg[2:]}")
    with pytest.raises(LoginFailed, match="public-key algorithm"):
        checked(f"{head}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}")


def test_a_symmetric_key_in_the_published_set_verifies_nothing():
    shared = OctKey.generate_key(256, {"kid": "one"})

    async def fetch() -> Any:
        return {"keys": [shared.as_dict(private=True)]}

    with pytest.raises(LoginFailed):
        checked(signed(shared, "HS256"), Keys(fetch))


def test_a_foreign_key_with_the_id_of_a_published_one_is_refused():
    with pytest.raises(LoginFailed, match="not signed by"):
        checked(signed(RSAKey.generate_key(2048, {"kid": "one"})))


def test_a_key_that_the_token_brings_along_is_not_used():
    foreign = RSAKey.generate_key(2048)
    header = {"alg": "RS256", "jwk": foreign.as_dict(private=False)}
    with pytest.raises(LoginFailed, match="not signed by"):
        checked(jwt.encode(header, CLAIMS, foreign, algorithms=["RS256"]))


def test_an_elliptic_key_is_not_used_for_another_kind_of_algorithm():
    elliptic = ECKey.generate_key("P-256", {"kid": "one"})
    with pytest.raises(LoginFailed, match="not signed by"):
        checked(signed(), published(elliptic))


def test_a_key_for_encryption_verifies_nothing():
    with pytest.raises(LoginFailed, match="not signed by"):
        checked(signed(), published(RSAKey.import_key(KEY.as_dict(private=True) | {"use": "enc"})))


@pytest.mark.parametrize("token", [None, "", 7, {}, "x" * 65_537], ids=["None", "empty", "int", "dict", "long"])
def test_a_missing_token_is_refused(token: Any):
    with pytest.raises(LoginFailed, match="no ID token"):
        checked(token)


@pytest.mark.parametrize("token", ["x", "....", "é.x.y", "W10.e30.x", "e30", "bnVsbA.e30."])
def test_a_malformed_token_is_refused(token: str):
    with pytest.raises(LoginFailed):
        checked(token)


def test_a_changed_payload_is_refused():
    header, _, signature = signed().split(".")
    payload = base64.urlsafe_b64encode(json.dumps(CLAIMS | {"sub": "8"}).encode()).rstrip(b"=").decode()
    with pytest.raises(LoginFailed, match="not signed by"):
        checked(f"{header}.{payload}.{signature}")


def test_rotated_keys_are_fetched_once_and_not_for_each_token():
    second, third = (RSAKey.generate_key(2048, {"kid": name}) for name in ("two", "three"))
    current, fetches, clock = [KEY], [], [1_000.0]

    async def fetch() -> Any:
        fetches.append(clock[0])
        return KeySet(list(current)).as_dict(private=False)

    keys = Keys(fetch, clock=lambda: clock[0])
    checked(signed(), keys)
    current[:] = [second]
    checked(signed(second), keys)
    assert len(fetches) == 2
    for _ in range(20):
        with pytest.raises(LoginFailed, match="not signed by"):
            checked(signed(third), keys)
    assert len(fetches) == 2
    current[:] = [second, third]
    clock[0] += REFETCH_INTERVAL
    assert checked(signed(third), keys)["sub"] == "7"
    assert len(fetches) == 3


def test_the_clock_of_the_system_is_used_if_none_is_given():
    now = int(time.time())
    token = signed(iat=now, exp=now + 60)
    assert asyncio.run(verify(token, published(KEY), issuer="https://a", client_id="app", nonce="n"))["sub"] == "7"
