"""The mistakes in `auth=`: all are reported at once, each with the name of its field."""

from __future__ import annotations

from typing import Any

import pytest

from zefnb import ET, FX
from zefnb.errors import InvalidEffect

RIGHT = {"client_id": "a", "client_secret": "b"}


def test_all_wrong_fields_are_reported_at_once():
    auth = ET.Auth(
        providers=[
            {"ada": ""},
            ET.GoogleOAuth(client_id=None, client_secret=3),
            ET.GitHubOAuth(client_id=""),
            ET.OIDC(issuer="http://login.example", **RIGHT),
        ],
        allowed_emails="ada@example.com",
        public=["about"],
        login_page="//evil.example",
        after_login=3,
        session_duration=0,
        sliding="yes",
        session_db=[],
        on_login="f",
        bogus=1,
    )
    with pytest.raises(InvalidEffect) as caught:
        FX.StartHTTPServer(routes={"/": "x"}, auth=auth)
    providers = ["[0]['ada']", "[1].client_id", "[1].client_secret", "[2].client_secret", "[3].issuer"]
    options = ["allowed_emails", "public", "login_page", "after_login", "session_duration", "sliding", "session_db"]
    expected = [*(f"providers{each}" for each in providers), *options, "on_login", "bogus"]
    text = str(caught.value)
    assert [name for name in expected if f"auth.{name}: " not in text] == []


@pytest.mark.parametrize("value", [None, "", 3, ["a"], b"a"])
@pytest.mark.parametrize("field", ["client_id", "client_secret"])
@pytest.mark.parametrize(
    "make", [ET.GoogleOAuth, ET.GitHubOAuth, lambda **given: ET.OIDC(issuer="https://a.b", **given)]
)
def test_an_unset_client_id_or_secret_is_an_error_at_once(make: Any, field: str, value: Any):
    with pytest.raises(InvalidEffect, match=f"auth.{field}: got "):
        FX.StartHTTPServer(routes={"/": "x"}, auth=make(**{**RIGHT, field: value}))


@pytest.mark.parametrize("given", [{"issuer": None}, {"issuer": ""}])
def test_a_field_that_is_optional_may_be_unset(given: dict[str, Any]):
    assert FX.StartHTTPServer(routes={"/": "x"}, auth=ET.GoogleOAuth(**RIGHT, **given))
