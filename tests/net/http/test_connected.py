"""What an actor is told of the handshake of its client: headers without secrets, every query value, the subprotocol."""

from __future__ import annotations

from typing import Any

import pytest

from tests.net.wire import KEY
from zefnb import ET, FX

SECRET = "s3cr3t"
SENT = (
    "User-Agent: test/1",
    "X-Room: red",
    "x-room: blue",
    "Accept-Language: de",
    f"Cookie: session={SECRET}; theme=dark",
    f"Cookie: more={SECRET}",
    f"Authorization: Bearer {SECRET}",
    f"Proxy-Authorization: Basic {SECRET}",
    f"X-Api-Key: {SECRET}",
    f"X-Auth-Token: {SECRET}",
    f"X-CSRF-Token: {SECRET}",
    f"Referer: http://localhost/page?token={SECRET}&a=b",
    f"X-Forward: Bearer {SECRET}abc123",
)


@pytest.fixture
def connected(serve: Any, raw: Any, until: Any) -> Any:
    """`connected(path, line, ...)`: the first message of the actor of a client with these headers."""
    seen: list[Any] = []

    def handler(message: Any, state: Any) -> Any:
        seen.append(message)
        return [[], state]

    actor = FX.StartActor(initial_state=None, handler=handler)
    server = serve({"/ws": ET.WebSocket(actor=actor), "/chat": ET.WebSocket(actor=actor, subprotocols=["v2", "v1"])})

    def connect(path: str, *lines: str) -> Any:
        seen.clear()
        wire = raw(server, None)
        head = ("Host: localhost", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13")
        said = [f"GET {path} HTTP/1.1", *head, f"Sec-WebSocket-Key: {KEY}", *lines, "", ""]
        wire.send("\r\n".join(said).encode())
        assert wire.read_head()[0] == 101
        until(lambda: seen)
        return seen[0]

    return connect


@pytest.mark.parametrize("way", ["plain", "upgrade"])
def test_headers_are_there_without_secrets(connected: Any, way: str):
    # A plain handshake has no header twice.
    lines = [line for line in SENT if way == "upgrade" or not line.startswith(("x-room", "Cookie: more"))]
    message = connected("/ws", *lines)
    assert SECRET not in repr(message)
    headers = message.headers
    assert (headers["user-agent"], headers["x-room"], headers["accept-language"]) == ("test/1", "red", "de")
    assert headers["referer"] == "http://localhost/page?token=…&a=b"
    assert headers.keys().isdisjoint({"cookie", "authorization", "proxy-authorization", "x-api-key", "x-auth-token"})
    assert message.header_lists["x-room"] == (["red", "blue"] if way == "upgrade" else ["red"])
    assert message.header_lists.keys() == headers.keys()


def test_every_value_of_the_query_is_there(connected: Any):
    message = connected("/ws?tag=a&tag=b&other=")
    assert message.query_params == {"tag": "b", "other": ""}
    assert message.query_lists == {"tag": ["a", "b"], "other": [""]}
    assert connected("/ws").query_lists == {}


@pytest.mark.parametrize(
    ("path", "offered", "chosen"),
    [
        ("/chat", "v1", "v1"),
        ("/chat", "v1, v2", "v2"),
        ("/chat", "x", None),
        ("/chat", None, None),
        ("/ws", "v1", None),
    ],
)
def test_the_chosen_subprotocol_is_there_and_what_was_offered_is_not(
    connected: Any, path: str, offered: str | None, chosen: str | None
):
    # Pages send tokens so, since a browser lets them set no header of a handshake.
    offers = [] if offered is None else [f"Sec-WebSocket-Protocol: {offered}, bearer.{SECRET}"]
    message = connected(path, *offers)
    assert message.subprotocol == chosen
    assert SECRET not in repr(message)
