"""Trusted proxies: what they say of a client counts, on every way in, and what others say does not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.net.wire import KEY
from zefnb import ET, FX, run, zef_function
from zefnb.engine.runtime import default_runtime
from zefnb.errors import InvalidEffect
from zefnb.net.http.access_log import AccessLog
from zefnb.net.http.proxies import Proxies
from zefnb.net.http.request_head import RequestHead

WAYS = ("plain", "upgrade", "http")
ROUTES = {"plain": "/ws", "upgrade": "/ws", "http": "/who"}


@pytest.fixture
def behind(serve: Any, raw: Any, until: Any) -> Any:
    """`behind(trusted)(way, line, ...)`: the status, and what the server knows of the client."""

    def start(*trusted: str, **options: Any) -> Any:
        seen: list[Any] = []

        def handler(message: Any, state: Any) -> Any:
            seen.append(message)
            return [[], state]

        @zef_function
        def who(request: Any) -> Any:
            seen.append(request)
            return "you"

        actor = FX.StartActor(initial_state=None, handler=handler)
        server = serve({"/ws": ET.WebSocket(actor=actor), "/who": who}, trusted_proxies=trusted, **options)

        def ask(way: str, *lines: str, host: str = "localhost") -> tuple[int, Any]:
            seen.clear()
            upgrade = (
                "Upgrade: websocket",
                "Connection: Upgrade",
                f"Sec-WebSocket-Key: {KEY}",
                "Sec-WebSocket-Version: 13",
            )
            more = () if way == "http" else (*upgrade, *(["X-Way:\tupgrade"] if way == "upgrade" else []))
            wire = raw(server, None)
            wire.send("\r\n".join([f"GET {ROUTES[way]} HTTP/1.1", f"Host: {host}", *more, *lines, "", ""]).encode())
            status = wire.read_head()[0]
            if status >= 400:
                return status, None
            until(lambda: seen)
            return status, seen[0]

        return ask

    return start


CLIENTS = {
    "one": (["203.0.113.9"], "203.0.113.9"),
    "one of IPv6": (["2001:db8::9"], "2001:db8::9"),
    "with a port": (["203.0.113.9:4711"], "203.0.113.9"),
    "IPv6 with a port": (["[2001:db8::9]:4711"], "2001:db8::9"),
    "mapped": (["::ffff:203.0.113.9"], "203.0.113.9"),
    "several proxies": (["203.0.113.9, 10.1.2.3, 10.0.0.1"], "203.0.113.9"),
    "in two headers": (["203.0.113.9", "10.1.2.3"], "203.0.113.9"),
    "a client that claims more": (["8.8.8.8, 203.0.113.9, 10.1.2.3"], "203.0.113.9"),
    "only proxies": (["10.9.9.9, 10.1.2.3"], "10.9.9.9"),
    "nonsense": (["unknown"], "127.0.0.1"),
    "nonsense before a proxy": (["203.0.113.9, nonsense, 10.1.2.3"], "10.1.2.3"),
    "empty": ([" , "], "127.0.0.1"),
    "none": ([], "127.0.0.1"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", CLIENTS)
def test_the_client_is_the_last_address_that_is_no_trusted_proxy(behind: Any, way: str, name: str):
    values, client = CLIENTS[name]
    # No plain handshake has a header twice.
    way = "upgrade" if way == "plain" and len(values) > 1 else way
    _, seen = behind("127.0.0.1", "10.0.0.0/8")(way, *(f"X-Forwarded-For: {value}" for value in values))
    assert seen.client_ip == client


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("trusted", [(), ("10.0.0.0/8",), ("::1",)])
def test_from_others_it_is_ignored(behind: Any, way: str, trusted: tuple[str, ...]):
    ask = behind(*trusted, allowed_hosts=["hub.example"])
    lines = ("X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: https", "X-Forwarded-Prefix: /proxy/8000")
    lines += ("X-Forwarded-Host: hub.example",)
    _, seen = ask(way, *lines)
    assert seen.client_ip == "127.0.0.1"
    if way == "http":
        assert seen.base_url == "http://localhost"
    assert ask(way, *lines, "Origin: https://hub.example:9443", host="hub.example:9443")[0] == 403


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("origin", "host", "is_admitted"),
    [
        ("https://hub.example:9443", "hub.example:9443", True),
        ("https://HUB.example", "hub.example:443", True),
        ("http://hub.example:9443", "hub.example:9443", False),
        ("https://hub.example:9444", "hub.example:9443", False),
        ("https://evil.example", "hub.example:9443", False),
        ("https://evil.example", "evil.example", False),
        ("null", "hub.example:9443", False),
    ],
)
def test_a_page_of_the_proxys_own_address_is_admitted(behind: Any, way: str, origin: str, host: str, is_admitted: bool):
    ask = behind("127.0.0.1", allowed_hosts=["hub.example"])
    status, _ = ask(way, "X-Forwarded-Proto: https", f"Origin: {origin}", host=host)
    assert status == ((200 if way == "http" else 101) if is_admitted else 403)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("forwarded", "origin", "is_admitted"),
    [
        ("hub.example", "https://hub.example", True),
        ("hub.example:9443", "https://HUB.example:9443", True),
        ("hub.example:9443", "https://hub.example:9444", False),
        ("hub.example", "https://evil.example", False),
        ("evil.example", "https://evil.example", False),
        ("hub.example/..", "https://hub.example", False),
        ("hub.example@evil.example", "https://evil.example", False),
        ("[::1", "https://hub.example", False),
    ],
)
def test_the_host_that_a_proxy_forwards_is_checked_as_any_other(
    behind: Any, way: str, forwarded: str, origin: str, is_admitted: bool
):
    ask = behind("127.0.0.1", allowed_hosts=["hub.example"])
    status, _ = ask(way, "X-Forwarded-Proto: https", f"X-Forwarded-Host: {forwarded}", f"Origin: {origin}")
    assert status == ((200 if way == "http" else 101) if is_admitted else 403)


@pytest.mark.parametrize(
    ("lines", "base_url"),
    [
        ([], "http://localhost"),
        (["X-Forwarded-Proto: https"], "https://localhost"),
        (["X-Forwarded-Proto: HTTPS"], "https://localhost"),
        (["X-Forwarded-Proto: wss"], "https://localhost"),
        (["X-Forwarded-Proto: gopher"], "http://localhost"),
        (["X-Forwarded-Proto: https, http", "X-Forwarded-For: 203.0.113.9, 10.0.0.1"], "https://localhost"),
        (["X-Forwarded-Proto: https, http", "X-Forwarded-For: 8.8.8.8, 203.0.113.9"], "http://localhost"),
        (["X-Forwarded-Proto: https, http"], "http://localhost"),
        (["X-Forwarded-Host: hub.example:9443"], "http://hub.example:9443"),
        (["X-Forwarded-Host: hub.example", "X-Forwarded-Proto: https"], "https://hub.example"),
        (["X-Forwarded-Host: hub.example, 10.0.0.1", "X-Forwarded-For: 203.0.113.9, 10.0.0.1"], "http://hub.example"),
        (["X-Forwarded-Host: evil.example, hub.example"], "http://hub.example"),
        (["X-Forwarded-Host: , "], "http://localhost"),
        (["X-Forwarded-Prefix: /user/ada/proxy/8000/"], "http://localhost/user/ada/proxy/8000"),
        (["X-Forwarded-Prefix: /a", "X-Forwarded-Prefix: /b"], "http://localhost/b"),
        (["X-Forwarded-Prefix: //evil.example"], "http://localhost"),
        (["X-Forwarded-Prefix: https://evil.example"], "http://localhost"),
        (["X-Forwarded-Prefix: /a/../b"], "http://localhost"),
        (["X-Forwarded-Prefix: /\\evil"], "http://localhost"),
        (["X-Forwarded-Prefix: /"], "http://localhost"),
        ([f"X-Forwarded-Prefix: /{'x' * 2_000}"], "http://localhost"),
    ],
)
def test_the_address_is_the_one_that_the_client_sees(behind: Any, lines: list[str], base_url: str):
    _, seen = behind("127.0.0.1", "10.0.0.0/8", allowed_hosts=["hub.example"])("http", *lines)
    assert seen.base_url == base_url


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("/new", "/proxy/new"),
        ("/", "/proxy/"),
        ("/proxy/new", "/proxy/new"),
        ("/proxying", "/proxy/proxying"),
        ("new", "new"),
        ("//other.example/x", "//other.example/x"),
        ("https://other.example/", "https://other.example/"),
    ],
)
def test_redirects_to_a_path_follow_the_prefix(serve: Any, raw: Any, url: str, location: str):
    server = serve({"/": ET.Redirect(url=url)}, trusted_proxies=["127.0.0.1"])
    for prefix, expected in (("/proxy/", location), ("", url)):
        wire = raw(server, None)
        wire.send(f"GET / HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-Prefix: {prefix}\r\n\r\n".encode())
        assert wire.read_head()[1]["location"] == expected


@pytest.mark.parametrize(
    ("path", "url", "location"),
    [
        ("/", "/new?x=1", "./new?x=1"),
        ("/", "/", "./"),
        ("/a/b/", "/new", "../../new"),
        ("/a%2Fb", "/proxy/new", "./new"),
        ("/", "new", "new"),
        ("/", "//other.example/x", "//other.example/x"),
    ],
)
def test_redirects_behind_jupyter_server_proxy_are_relative(serve: Any, raw: Any, path: str, url: str, location: str):
    # Versions from 4.5 on add the prefix to a path, and earlier ones do not.
    routes = dict.fromkeys(("/", "/a/b"), ET.Redirect(url=url))
    wire = raw(serve(routes, trusted_proxies=["127.0.0.1"]), None)
    headers = "X-Forwarded-Prefix: /proxy\r\nX-ProxyContextPath: /proxy"
    wire.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n\r\n".encode())
    assert wire.read_head()[1]["location"] == location


def test_the_access_log_has_the_client(behind: Any, until: Any):
    default_runtime().service(AccessLog).clear()
    ask = behind("127.0.0.1", logging=True)
    for way in ("http", "upgrade"):
        ask(way, "X-Forwarded-For: 203.0.113.9")
        ask(way, "X-Forwarded-For: 203.0.113.9", "Origin: https://foreign.example")
    until(lambda: len(FX.QueryLog(kind="access") | run) == 4)
    rows = FX.QueryLog(kind="access") | run
    assert [row["status"] for row in rows].count(403) == 2
    assert {row["client_ip"] for row in rows} == {"203.0.113.9"}


def test_a_long_chain_is_followed_so_far_and_no_further():
    head = RequestHead(
        "GET", "/", "", {"x-forwarded-for": (", ".join(["203.0.113.9", *["10.0.0.1"] * 5_000]),)}, "10.0.0.2"
    )
    assert Proxies(["10.0.0.0/8"]).original(head).client_ip == "10.0.0.1"


@pytest.mark.parametrize("given", [["*"], ["localhost"], ["10.0.0.0/33"], [""], [5], "127.0.0.1", [["127.0.0.1"]]])
def test_a_proxy_is_an_address_or_a_network(given: Any):
    with pytest.raises(InvalidEffect, match="trusted_proxies"):
        FX.StartHTTPServer(routes={"/": "x"}, port=0, trusted_proxies=given) | run
