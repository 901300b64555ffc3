"""The control channel accepts only views that prove that they have the secret of a widget."""

from __future__ import annotations

import json
import time
from contextlib import suppress

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as open_socket

from tests.notebook.viewer import answer_to, greeted, here, raw, refused
from zefnb import ET, FX, run
from zefnb.engine.runtime import default_runtime
from zefnb.net.http.servers import Servers
from zefnb.notebook.watch import control as control_module


@pytest.mark.parametrize(
    "said",
    [
        "", "null", "[]", "{}", '{"token": 1, "nonce": 2, "proof": 3}', '{"token": "x", "nonce": "y", "proof": "z"}',
        "\ud7ff", b"\x00\xff", "[" * 900, '{"token":' * 110, "NaN", '{"token": -Infinity}', "9" * 1_000, "1e999",
        '"' + "\\ud800" * 100 + '"', '{"do": "window"}', '{"do": "publish", "topic": "chat", "content": "x"}', b"{}",
        "true", "{" + '"a":1,' * 100, '{"token": {}, "nonce": [], "proof": null}', "\x00" * 1_000,
    ],
)  # fmt: skip
def test_anything_but_the_secret_is_refused(control, token, said):
    socket = raw(control)
    socket.send(said)
    assert refused(socket) == (1008, "the proof of the secret is invalid")


@pytest.mark.parametrize("proof", ["", "wrong", "é", "\ud800", None, 5, ["a"], "0" * 64])
def test_a_wrong_proof_for_an_existing_token_is_refused(control, token, proof):
    socket, nonce = greeted(control)
    socket.send(json.dumps({**answer_to(nonce, token), "proof": proof}))
    assert refused(socket)[0] == 1008


@pytest.mark.parametrize("wrong", [{"nonce": ""}, {"nonce": "é" * 20}, {"nonce": "a" * 500}, {"nonce": None}])
def test_a_proof_depends_on_the_views_own_nonce(control, token, wrong):
    socket, nonce = greeted(control)
    socket.send(json.dumps({**answer_to(nonce, token), **wrong}))
    assert refused(socket)[0] == 1008


def test_the_secret_itself_is_not_a_proof(control, token):
    for said in ({"secret": token.reveal()}, {"proof": token.reveal()}, {"nonce": "n" * 20, "proof": token.reveal()}):
        socket = raw(control)
        socket.send(json.dumps({"token": token.name, **said}))
        assert refused(socket)[0] == 1008


def test_the_proof_for_one_socket_is_refused_on_another(control, token):
    first, nonce = greeted(control)
    answer = json.dumps(answer_to(nonce, token))
    first.send(answer)
    assert json.loads(first.recv(timeout=20))["t"] == "welcome"
    second, other = greeted(control)
    assert other != nonce
    second.send(answer)
    assert refused(second)[0] == 1008


def test_the_servers_proof_is_not_accepted_from_a_view(control, token):
    socket, nonce = greeted(control)
    answer = answer_to(nonce, token)
    socket.send(json.dumps({**answer, "proof": token.proof("server", nonce, answer["nonce"])}))
    assert refused(socket)[0] == 1008


def test_the_secret_of_another_widget_is_valid_only_for_its_own_token(control, token):
    other = here(control.open)
    socket, nonce = greeted(control)
    socket.send(json.dumps({**answer_to(nonce, other), "token": token.name}))
    assert refused(socket)[0] == 1008


def test_before_the_proof_no_data_is_sent(control, token, server):
    socket = open_socket(f"ws://127.0.0.1:{control.port}/control", legacy=True)
    hello = socket.recv(timeout=20)
    assert set(json.loads(hello)) == {"t", "nonce"}
    with pytest.raises(TimeoutError):
        socket.recv(timeout=0.3)


def test_no_secret_crosses_the_socket_in_either_direction(control, token, view, server):
    crossed = []
    with pytest.MonkeyPatch.context() as patch:
        for way in ("recv", "send"):
            inner = getattr(ClientConnection, way)

            def listen(socket, *given, inner=inner, **options):
                result = inner(socket, *given, **options)
                crossed.append(f"{given} {result}")
                return result

            patch.setattr(ClientConnection, way, listen)
        live = view()
        live.look()
        live.ask("resend")
    assert any(token.name in text for text in crossed)
    assert not any(token.reveal() in text for text in crossed)


def test_refused_views_make_one_entry_in_the_journal_however_many_there_are(control, token, until):
    journal = default_runtime().journal
    journal.clear()
    for said in ["[" * 1_000, "{}", b"\x00", "NaN", *["x"] * 20]:
        socket = raw(control)
        socket.send(said)
        assert refused(socket)[0] == 1008
    # A refusal is written once its connection has ended, which the client can see first.
    until(lambda: sum(entry["count"] for entry in journal.entries("info")) == 24)
    [entry] = journal.entries("info")
    assert entry["level"] == "warning"
    assert entry["message"] == "the view of a live table was closed with 1008: the proof of the secret is invalid"


def test_a_long_message_before_the_proof_is_not_read(control, token):
    socket = raw(control)
    socket.send("[" * (1 << 20))
    assert refused(socket)[0] == 1009


def test_the_number_of_views_without_proof_is_bounded(control, token, view, until):
    waiting = [raw(control) for _ in range(control_module.MAX_UNAUTHENTICATED + 5)]
    for socket in waiting[:5]:
        assert refused(socket) == (1008, "too many connections without a proof")
    until(lambda: len(control._waiting) == control_module.MAX_UNAUTHENTICATED)
    view().look()
    for socket in waiting[6:]:
        socket.close()
    until(lambda: not control._waiting)


def test_after_a_wrong_secret_no_request_is_performed(control, token, server, connect):
    client = connect(server, "/ws")
    socket, nonce = greeted(control)
    socket.send("{}")
    with suppress(ConnectionClosed):  # it may be closed already
        socket.send(json.dumps(answer_to(nonce, token)))
        socket.send(json.dumps({"do": "publish", "topic": "chat", "content": "x"}))
    assert refused(socket)[0] == 1008
    with pytest.raises(TimeoutError):
        client.recv(timeout=0.2)


def test_a_view_that_sends_nothing_is_closed_with_1008(control, token, monkeypatch):
    monkeypatch.setattr(control_module, "PROOF_TIMEOUT", 0.1)
    assert refused(raw(control)) == (1008, "no proof of the secret within 5 s")


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "NULL", "", "file://", "data:", "http://", "about:blank"]
)
def test_a_page_of_a_foreign_origin_is_refused_before_it_can_try(control, token, origin):
    with pytest.raises(InvalidStatus) as refusal:
        raw(control, origin=origin)
    assert refusal.value.response.status_code == 403


def test_the_notebooks_own_address_is_accepted_once_it_was_reported(control, token, server):
    headers = {"Host": "hub.example"}
    url = f"ws://127.0.0.1:{server.port}/ws"
    with pytest.raises(InvalidStatus):
        open_socket(url, additional_headers=headers, legacy=True)
    here(lambda: control.allow("hub.example", "https://hub.example"))
    later = FX.StartHTTPServer(routes={"/ws": ET.WebSocket(clients_subscribe_to=[ET.Topic("t")])}, port=0) | run
    for port, path in ((server.port, "/ws"), (later.port, "/ws"), (control.port, "/control")):
        url = f"ws://127.0.0.1:{port}{path}"
        open_socket(url, origin="https://hub.example", legacy=True).close()
        with pytest.raises(InvalidStatus):
            open_socket(url, origin="https://evil.example", legacy=True)
    default_runtime().service(Servers)._public.clear()


def test_the_secret_is_in_no_repr_no_journal_and_no_url(control, token, view, server):
    live = view()
    live.look()
    live.ask("nonsense")
    raw(control).send(json.dumps({"token": token.name, "nonce": "n" * 20, "proof": token.reveal() + "x"}))
    time.sleep(0.1)
    everything = f"{token!r} {token} {default_runtime().journal.entries()!r} {live.hello} {live.board}"
    assert token.reveal() not in everything


def test_no_query_lists_the_channel(control, view, server, connect):
    view().look()
    connect(server, "/ws")
    assert [told["port"] for told in FX.QueryAllActiveHTTPServers() | run] == [server.port]
    assert (FX.ListActors() | run) == []
    assert control.port not in [told["port"] for told in view().board.get("servers", [])]
