"""Redirects: which ones an outward client follows, and which headers it sends."""

from __future__ import annotations

import base64
import ipaddress
import socket
from http import HTTPStatus
from typing import Any

import pytest
import trustme
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from tests.net.client.conftest import Names
from tests.net.client.outsider import Until, certified, fails_to_connect, publish, talk_to
from zefnb import ET, FX, run
from zefnb.errors import InvalidEffect
from zefnb.net.client import redirects as redirects_module
from zefnb.net.client.redirects import Scope, scope_of

SECRETS = {"Authorization": "Bearer hush", "Cookie": "c=hush", "X-Api-Key": "hush", "x-anything": "hush"}


def redirects_to(location: Any, status: int = 307) -> Any:
    """A server's decision: it redirects, to a fixed url or to one made from the request's path."""

    def decide(connection: ServerConnection, request: Request) -> Response | None:
        where = location(request.path) if callable(location) else location
        if where is None:
            return None
        response = connection.respond(HTTPStatus(status), "hush\n")
        response.headers["Location"] = where
        return response

    return decide


def elsewhere(monkeypatch: pytest.MonkeyPatch, scope: Scope = Scope.PUBLIC) -> None:
    """Let the redirecting address, which is this machine's, count as one of `scope`."""
    monkeypatch.setattr(redirects_module, "_scope_of_peer", lambda *given: scope)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_by_default_another_path_of_the_same_origin_is_followed_with_everything(
    outsider: Any, until: Until, status: int
) -> None:
    way = redirects_to(lambda path: "/new?key=1" if path == "/ws" else None, status)
    server = outsider(echo=True, process_request=way)
    _, _, outbox, came = talk_to(f"ws://ada:pw@127.0.0.1:{server.port}/ws", headers={"X-Api-Key": "hush"})
    first, second = server.requests
    assert second.path == "/new?key=1"
    for request in (first, second):
        assert request.headers["X-Api-Key"] == "hush"
        assert base64.b64decode(request.headers["Authorization"].split()[1]) == b"ada:pw"
    publish(outbox, "hello")
    until(lambda: came == ["hello"])


@pytest.mark.parametrize("scheme", ["ws", "http"])
def test_a_redirect_to_the_same_origin_may_be_absolute(outsider: Any, scheme: str) -> None:
    server = outsider(
        process_request=redirects_to(lambda path: f"{scheme}://127.0.0.1:{server.port}/new" if path == "/ws" else None)
    )
    talk_to(server)
    assert [request.path for request in server.requests] == ["/ws", "/new"]


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "[::ffff:127.0.0.1]",
        "0",
        "localhost.",
        "ada:pw@127.0.0.1",
    ],
)
def test_by_default_another_origin_is_not_followed(outsider: Any, host: str) -> None:
    service = outsider()
    server = outsider(process_request=redirects_to(f"ws://{host}:{service.port}/hush?hush=hush"))
    reason = fails_to_connect(url=server.url, headers=SECRETS)
    assert "which is another origin" in reason
    assert "redirects='any'" in reason
    assert "pw" not in reason
    assert "?" not in reason
    assert service.requests == []


def test_none_follows_no_redirect(outsider: Any) -> None:
    server = outsider(process_request=redirects_to(lambda path: "/new" if path == "/ws" else None))
    assert "redirects='none' follows no redirect" in fails_to_connect(url=server.url, redirects="none")
    assert len(server.requests) == 1


def test_any_follows_to_another_origin_without_credentials(outsider: Any, until: Until) -> None:
    service = outsider(echo=True)
    server = outsider(process_request=redirects_to(f"http://eve:x@127.0.0.1:{service.port}/there"))
    url = f"ws://ada:pw@127.0.0.1:{server.port}/ws"
    _, _, outbox, came = talk_to(url, headers=SECRETS, redirects="any", subprotocols=["chat"])
    [request] = service.requests
    assert request.path == "/there"
    assert "hush" not in str(request.headers)
    assert not {name.lower() for name in (*SECRETS, "Authorization")} & {name.lower() for name in request.headers}
    publish(outbox, "hello")
    until(lambda: came == ["hello"])


def test_credentials_are_not_sent_again_after_a_return_to_the_first_origin(outsider: Any) -> None:
    def back(path: str) -> str:
        return f"ws://127.0.0.1:{server.port}/back"

    service = outsider(process_request=redirects_to(back))
    server = outsider(
        process_request=redirects_to(lambda path: f"ws://127.0.0.1:{service.port}/" if path == "/ws" else None)
    )
    talk_to(server, headers=SECRETS, redirects="any")
    assert [request.path for request in server.requests] == ["/ws", "/back"]
    assert "hush" not in str(server.requests[1].headers)


@pytest.mark.parametrize("mode", ["same-origin", "any"])
@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "0.0.0.0",
        "0",
        "127.1",
        "localhost.",
        "LOCALHOST",
    ],
)
def test_a_foreign_server_cannot_redirect_to_this_machine(
    outsider: Any, monkeypatch: pytest.MonkeyPatch, host: str, mode: str
) -> None:
    elsewhere(monkeypatch)
    service = outsider()
    server = outsider(process_request=redirects_to(f"ws://{host}:{service.port}/"))
    reason = fails_to_connect(url=server.url, redirects=mode)
    # Not every resolver knows `localhost.`
    assert any(why in reason for why in ("this machine or its network", "another origin", "has no address"))
    assert service.requests == []


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "::ffff:192.168.0.1", "fe80::1"]
)
def test_a_name_with_an_internal_address_is_not_followed(
    outsider: Any, monkeypatch: pytest.MonkeyPatch, names: Names, address: str
) -> None:
    elsewhere(monkeypatch)
    # One address that may be reached does not excuse the other.
    names["inside.example"] = ["1.1.1.1", address]
    server = outsider(process_request=redirects_to("ws://inside.example/"))
    assert "this machine or its network" in fails_to_connect(url=server.url, redirects="any")


def test_the_same_origin_whose_name_now_resolves_to_this_machine_is_not_followed(
    outsider: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere(monkeypatch)
    server = outsider(process_request=redirects_to(lambda path: "/new" if path == "/ws" else None))
    assert "this machine or its network" in fails_to_connect(url=server.url)
    assert len(server.requests) == 1


def test_a_name_other_than_localhost_counts_as_foreign(
    outsider: Any, monkeypatch: pytest.MonkeyPatch, names: Names
) -> None:
    names["feed.example"] = ["127.0.0.1"]
    monkeypatch.setenv("no_proxy", "*")
    service = outsider()
    server = outsider(
        process_request=redirects_to(lambda path: f"ws://127.0.0.1:{service.port}/" if path == "/ws" else None)
    )
    reason = fails_to_connect(url=f"ws://feed.example:{server.port}/ws", redirects="any")
    assert "this machine or its network" in reason
    assert service.requests == []
    # By its own name it stays where it is.
    server2 = outsider(process_request=redirects_to(lambda path: "/new" if path == "/ws" else None))
    talk_to(f"ws://feed.example:{server2.port}/ws")
    assert [request.path for request in server2.requests] == ["/ws", "/new"]


def test_endless_redirects_raise(outsider: Any) -> None:
    server = outsider(process_request=redirects_to(lambda path: path + "x"))
    assert "more than 10 redirects" in fails_to_connect(url=server.url)
    assert len(server.requests) == 11


@pytest.mark.parametrize(
    ("location", "why"),
    [
        ("file:///etc/passwd", "of the scheme 'file'"), ("javascript:alert(1)", "of the scheme"),
        ("ftp://127.0.0.1/", "of the scheme 'ftp'"), ("ws://", "malformed"), ("ws://[::1/", "malformed"),
        ("ws://host:99999/", "malformed"), ("ws://host:0/", "malformed"), ("ws://a b/", "malformed"),
        ("//", "malformed"), ("http:", "malformed"),
    ],
)  # fmt: skip
def test_a_redirect_to_a_url_that_is_not_websocket_is_not_followed(outsider: Any, location: str, why: str) -> None:
    server = outsider(process_request=redirects_to(location))
    reason = fails_to_connect(url=server.url, redirects="any")
    assert why in reason or "redirects" in reason
    assert len(server.requests) <= 11


def test_wss_to_ws_is_never_followed_and_ws_to_wss_only_with_any(
    outsider: Any, authority: trustme.CA, ca_file: str
) -> None:
    plain = outsider()
    sealed = outsider(
        tls=certified(authority), process_request=redirects_to(lambda path: plain.url if path == "/ws" else None)
    )
    for mode in ("same-origin", "any"):
        assert "from wss to ws" in fails_to_connect(url=sealed.url, ca_file=ca_file, redirects=mode)
    assert plain.requests == []


def test_a_redirect_between_two_origins_verifies_the_seconds_certificate(
    outsider: Any, authority: trustme.CA, ca_file: str
) -> None:
    good = outsider(tls=certified(authority))
    bad = outsider(tls=certified(authority, "elsewhere.example"))
    for target, reached in ((good, True), (bad, False)):
        server = outsider(tls=certified(authority), process_request=redirects_to(target.url))
        if reached:
            talk_to(server, ca_file=ca_file, redirects="any")
        else:
            reason = fails_to_connect_beside(url=server.url, ca_file=ca_file, redirects="any")
            assert "certificate verify failed" in reason
        assert len(target.requests) == int(reached)


def fails_to_connect_beside(**fields: Any) -> str:
    """As `fails_to_connect`, where other clients are connected."""
    with pytest.raises(ConnectionError) as failed:
        FX.StartWebSocketClient(in_stream_into=[ET.Topic("in")], **fields) | run
    return str(failed.value)


def test_a_reconnection_follows_by_the_same_rules(outsider: Any, until: Until, quick: None) -> None:
    service = outsider()
    redirecting: list[str] = []
    server = outsider(process_request=redirects_to(lambda path: redirecting[0] if redirecting else None))
    client, *_ = talk_to(server, headers=SECRETS)
    redirecting.append(service.url)
    server.cut()
    until(lambda: (FX.QueryWebSocketClient(client=client) | run)["attempts"] >= 3)
    assert service.requests == []


@pytest.mark.parametrize("given", ["all", "", "ANY", "Same-Origin", "same_origin"])
def test_another_value_raises_and_the_error_lists_the_allowed_ones(given: str) -> None:
    with pytest.raises(InvalidEffect, match=r"redirects: got .*; allowed: 'same-origin', 'any', 'none'"):
        FX.StartWebSocketClient(url="ws://127.0.0.1:1/", in_stream_into=ET.Topic("t"), redirects=given) | run


@pytest.mark.parametrize(
    ("address", "scope"),
    [
        ("127.0.0.1", "MACHINE"), ("127.255.255.254", "MACHINE"), ("0.0.0.0", "MACHINE"), ("0.1.2.3", "MACHINE"),
        ("::1", "MACHINE"), ("::", "MACHINE"), ("::ffff:127.0.0.1", "MACHINE"), ("64:ff9b::7f00:1", "MACHINE"),
        ("::127.0.0.1", "MACHINE"), ("2002:7f00:1::", "MACHINE"), ("10.0.0.1", "NETWORK"), ("172.16.5.5", "NETWORK"),
        ("192.168.1.1", "NETWORK"), ("169.254.169.254", "NETWORK"), ("100.64.0.1", "NETWORK"), ("fc00::1", "NETWORK"),
        ("fe80::1", "NETWORK"), ("fe80::1%eth0", "NETWORK"), ("fec0::1", "NETWORK"), ("224.0.0.1", "NETWORK"),
        ("ff02::1", "NETWORK"), ("64:ff9b::a00:1", "NETWORK"), ("2002:a00:1::", "NETWORK"),
        ("255.255.255.255", "NETWORK"), ("::ffff:0:127.0.0.1", "MACHINE"), ("64:ff9b:1::7f00:1", "NETWORK"),
        ("2a00:1::5efe:127.0.0.1", "MACHINE"), ("2a00:1::200:5efe:a00:1", "NETWORK"), ("192.0.0.8", "NETWORK"),
        ("1.1.1.1", "PUBLIC"), ("2606:4700::1111", "PUBLIC"), ("::ffff:1.1.1.1", "PUBLIC"),
    ],
)  # fmt: skip
def test_every_address_has_exactly_one_scope(address: str, scope: str) -> None:
    assert scope_of(address).name == scope


def test_an_address_of_this_machine_is_local_in_any_network() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("there is no network")
        own = probe.getsockname()[0]
    assert ipaddress.ip_address(own).version == 4
    assert scope_of(own) is Scope.MACHINE
