"""Passwords in effects and entities: read by programs, and shown in no text and no pickle."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from zefnb import ET, FX, run
from zefnb.core.record import fields_of
from zefnb.errors import shown
from zefnb.text.short_repr import short_repr

GIVEN = [
    {"ada": "hush5f3a", "bob": "hush5f3a"},
    ET.Auth(providers=[{"ada": "hush5f3a"}, "token"], public=["/"]),
    ET.Auth(providers={"ada": "hush5f3a"}),
]


@pytest.mark.parametrize("auth", GIVEN, ids=repr)
def test_no_text_shows_a_password(auth: Any):
    made = FX.StartHTTPServer(routes={}, auth=auth)
    for text in (repr(made), str(made), f"{made}", shown(made), short_repr(made), repr([made]), repr({"x": made})):
        assert "hush5f3a" not in text
        assert "…" in text
    with pytest.raises(ValueError, match="which no pickle holds"):
        pickle.dumps(made)
    assert fields_of(made)["auth"] == auth
    with pytest.raises(TypeError) as caught:
        made | 3
    assert "hush5f3a" not in str(caught.value)


def test_names_are_shown():
    assert repr(FX.StartHTTPServer(routes={}, auth={"ada": "x"})) == "FX.StartHTTPServer(routes={}, auth={'ada': …})"
    assert repr(FX.StartHTTPServer(routes={}, auth="token")) == "FX.StartHTTPServer(routes={}, auth='token')"


def test_an_effect_without_passwords_can_be_pickled():
    effect = FX.StartHTTPServer(routes={"/": "x"}, auth="token")
    assert pickle.loads(pickle.dumps(effect)) == effect


@pytest.mark.parametrize(
    "wrong", ["hush5f3a", ["hush5f3a"], {"ada": b"hush5f3a"}, ET.Foo(x="hush5f3a"), ET.Auth(providers=["hush5f3a"])]
)
def test_an_error_about_auth_does_not_show_it(wrong: Any):
    with pytest.raises(TypeError) as caught:
        FX.StartHTTPServer(routes={}, auth=wrong) | run
    assert "hush5f3a" not in str(caught.value)
