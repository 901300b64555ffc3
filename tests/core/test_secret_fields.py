"""Secrets in effects and entities: read by programs, and shown in no text and no pickle."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from zefnb import ET, FX, insert, run
from zefnb.core.record import fields_of
from zefnb.core.secret_fields import LEFT_OUT, SECRECY
from zefnb.core.shapes import SHAPES
from zefnb.core.wire import to_json_text
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


SECRET = "hush5f3a"
CHANGED = ET.InsertIn(path=["auth"], value={"ada": SECRET})
WITH_SECRETS = {
    "a change of auth": CHANGED,
    "a change below auth": ET.InsertIn(path=["auth", "ada"], value=SECRET),
    "a change of a client secret": ET.InsertIn(path=("auth", "client_secret"), value=[SECRET]),
    "an update of a server": FX.UpdateRunningHTTPServer(server=ET.HTTPServer("x"), delta=[CHANGED]),
    "a mistyped client secret": ET.GoogleOAuth(client_id="a", clientsecret=SECRET),
    "a mistyped private key": ET.TLSCredentials(certificates="x", privatekey=SECRET),
    "a mistyped list of providers": ET.Auth(provider=[{"ada": SECRET}]),
    "a tuple of providers": ET.Auth(providers=({"ada": SECRET},)),
    "headers": FX.StartWebSocketClient(url="ws://host", headers={"x-key": SECRET}),
    "pairs of headers": FX.StartWebSocketClient(url="ws://host", headers=[("x-key", SECRET)]),
    "a url": FX.StartWebSocketClient(url=f"ws://ada:{SECRET}@host/ws?x={SECRET}"),
    "an op": insert("auth", {"ada": SECRET}),
    "an op with a path": insert(["auth", "ada"], SECRET),
    "an effect before an op": FX.StartHTTPServer(port=0) | insert("auth", {"ada": SECRET}),
}


@pytest.mark.parametrize("kind", WITH_SECRETS)
def test_a_secret_is_in_no_text(kind: str):
    made = WITH_SECRETS[kind]
    for text in (repr(made), str(made), shown(made), short_repr(made, 500), repr([made]), repr({"x": made})):
        assert SECRET not in text
        assert "…" in text


@pytest.mark.parametrize("name", [name for name in SECRECY if name not in ("StartHTTPServer", "StartWebSocketClient")])
@pytest.mark.parametrize("given", [(SECRET,), (f"{SECRET} !",), ("id", SECRET), ({"ada": SECRET},)])
def test_a_value_by_position_is_an_error_without_the_value(name: str, given: tuple[Any, ...]):
    with pytest.raises(ValueError, match="by position; allowed: every field by name") as caught:
        getattr(ET, name)(*given)
    assert SECRET not in f"{caught.value} {caught.value!r} {vars(caught.value)}"


def test_each_field_that_is_no_secret_is_shown():
    hidden = set()
    for name, shape in SHAPES.items():
        if name in SECRECY:
            fields = dict.fromkeys(shape.fields, "x")
            hidden |= {(name, field) for field in fields if SECRECY[name].show(field, fields) is LEFT_OUT}
    oauth = {(name, "client_secret") for name in ("GoogleOAuth", "GitHubOAuth", "OIDC")}
    assert hidden == oauth | {("JupyterHub", "api_token"), ("TLSCredentials", "private_key")}


def test_what_is_no_secret_is_shown():
    route = ET.InsertIn(path=["routes", "/auth"], value="x")
    assert repr(route) == "ET.InsertIn(path=['routes', '/auth'], value='x')"
    assert repr(FX.StartWebSocketClient(url="ws://host/ws")) == "FX.StartWebSocketClient(url='ws://host/ws')"
    assert repr(insert("port", 8000)) == "insert('port', 8000)"


@pytest.mark.parametrize("made", [ET.Auth(providers=[{"ada": SECRET}]), ET.GoogleOAuth(client_secret=SECRET), CHANGED])
def test_an_entity_with_a_secret_is_neither_pickled_nor_sent(made: Any):
    with pytest.raises(ValueError, match="which no pickle holds"):
        pickle.dumps(made)
    with pytest.raises(TypeError, match="a secret"):
        to_json_text(made)


def test_an_effect_with_headers_can_be_pickled():
    effect = FX.StartWebSocketClient(url="ws://host", headers={"x-key": SECRET})
    assert pickle.loads(pickle.dumps(effect)) == effect


@pytest.mark.parametrize("kind", ["", "RSA ", "EC ", "ENCRYPTED ", "OPENSSH "])
def test_no_text_shows_a_private_key(kind: str):
    key = f"-----BEGIN {kind}PRIVATE KEY-----\n{SECRET}\n+/=\n-----END {kind}PRIVATE KEY-----\n"
    for value in (key, key.encode(), [key], key[:60]):
        assert SECRET not in shown(value)
        assert "PRIVATE KEY-----…" in shown(value)
