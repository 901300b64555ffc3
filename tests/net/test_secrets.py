"""Secrets: a client's credentials appear nowhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.net.conftest import inside, journal, on_loop, said
from tests.net.wire import Wire, frame, handshake
from zefnb import ET, FX, run, zef_function
from zefnb.text.secrets import hide_secrets

Raw = Callable[..., Wire]
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
def noisy(serve: Any, topic: Any) -> Any:
    @zef_function
    def fails(message: Any, state: Any) -> Any:
        raise ValueError(f"cannot take {message!r}")

    @zef_function
    def page(request: Any) -> Any:
        raise ValueError("no")

    return serve(
        {
            "/": page,
            "/ws": ET.WebSocket(clients_subscribe_to=[topic]),
            "/actor": ET.WebSocket(actor=FX.StartActor(initial_state=0, handler=fails)),
        },
        logging=True,
    )


def test_no_secret_of_a_client_is_shown_anywhere(noisy: Any, raw: Raw, clients: Any, until: Any):
    secret = "s3cr3t"
    headers = {"Cookie": f"session={secret}", "Authorization": f"Bearer {secret}", "X_Api_Key": secret}
    wires = [raw(noisy, f"{path}?token={secret}", **headers) for path in ("/ws", "/actor")]
    wires[1].send(frame("hello"))
    httpx.get(
        f"http://127.0.0.1:{noisy.port}/?token={secret}", headers={k.replace("_", "-"): v for k, v in headers.items()}
    )
    for path in ("/nowhere", "/ws"):
        wire = raw(noisy, None)
        wire.send(handshake(f"{path}?token={secret}", host="evil.example", **headers))
        assert wire.read_head()[0] == 403
    until(said("no", "error"))
    until(said("cannot take", "error"))
    wires[0].send(frame("x", mask=None))
    wires[0].read_close()
    shown = [
        repr(journal("debug")),
        repr(clients(noisy)),
        repr(FX.QueryHTTPServer(server=noisy) | run),
        repr(FX.QueryAllWebsocketEndpoints(http_server=noisy) | run),
        repr(FX.StreamGraphSnapshot() | run),
        repr(FX.ListActors() | run),
        repr(on_loop(inside(noisy).clients)),
        repr(noisy),
    ]
    assert "cannot take" in shown[0]
    for text in shown:
        assert secret not in text


@pytest.mark.parametrize(
    "given",
    [
        {"cookie": ["session=s3cr3t; theme=dark", "b=s3cr3t"], "dnt": ["shown"]},
        {"token": ["s3cr3t", "s3cr3t]s3cr3t", "it's s3cr3t", "\"s3cr3t'"]},
        {"x-api-key": ("s3cr3t", "s3cr3t"), "authorization": (b"Bearer s3cr3t",)},
        [("set-cookie", ["a=s3cr3t"]), ("password", ["s3cr3t"])],
        {"a": {"access_token": ["s3cr3t\\", "s3cr3t"]}},
    ],
    ids=repr,
)
def test_a_secret_in_a_list_of_values_is_hidden(given: Any):
    assert "s3cr3t" not in hide_secrets(repr(given))
    assert ("shown" in repr(given)) is ("shown" in hide_secrets(repr(given)))
    if "authorization" not in given:  # which has bytes
        assert "s3cr3t" not in hide_secrets(json.dumps(given))


def test_a_request_that_a_handler_shows_has_no_secrets(serve: Any, raw: Raw, until: Any):
    @zef_function
    def page(request: Any) -> Any:
        raise ValueError(f"cannot take {request!r}")

    wire = raw(serve({"/": page}), None)
    lines = ("Cookie: a=s3cr3t", "Cookie: b=s3cr3t", "Authorization: Bearer s3cr3t", "X-Api-Key: s3cr3t")
    wire.send("\r\n".join(["GET /?token=s3cr3t&token=s3cr3t HTTP/1.1", "Host: localhost", *lines, "", ""]).encode())
    assert wire.read_response()[0] == 500
    entry = until(said("cannot take", "error"))
    assert "header_lists" in repr(entry)
    assert "s3cr3t" not in repr(entry)
