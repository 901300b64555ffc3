"""Secrets: what a client sends to prove who it is appears nowhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.net.conftest import inside, journal, on_loop, said
from tests.net.wire import Wire, frame, handshake
from zefnb import ET, FX, run, zef_function

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
