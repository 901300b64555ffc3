"""Secrets: credentials that a peer sends, or that we send elsewhere, are shown nowhere."""

from __future__ import annotations

from typing import Any

from attacks.attack import Attack, Outcome, Settings
from attacks.foreign_server import ForeignServer
from attacks.second_server import against_second_server
from attacks.targets import Server
from attacks.wire import Wire, connect, frame, handshake
from tests.net.hostile import BAD_HANDSHAKES, GARBAGE

SECRET = "hush5f3a"
HEADERS = {
    "Cookie": f"session={SECRET}; theme=dark; csrf={SECRET}",
    "Authorization": f"Bearer {SECRET}",
    "Proxy_Authorization": f"Basic {SECRET}",
}
QUERY = f"?token={SECRET}&x=1&access_token={SECRET}"
LINES = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in HEADERS.items()).encode()


def with_secrets(request: bytes) -> bytes:
    """Return a request with secrets in its query and its headers."""
    first, end, rest = request.partition(b"\r\n")
    method, space, target = first.partition(b" ")
    path, blank, version = target.partition(b" ")
    return method + space + path + QUERY.encode() + blank + version + end + LINES + rest


def plain(path: str, method: str = "GET", body: str = "") -> bytes:
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{length}\r\n{body}".encode()


def requests() -> list[bytes]:
    """Return requests of every kind, valid and invalid."""
    form = plain("/page", "POST", f"token={SECRET}&password={SECRET}")
    good = [plain("/"), plain("/page"), plain("/nowhere"), plain("/ws"), plain("/", "POST"), form]
    foreign = [handshake(host="evil.example"), handshake(Origin="http://evil.example"), handshake("/nowhere")]
    wrong = [*GARBAGE.values(), *(request for request, _ in BAD_HANDSHAKES.values())]
    return [with_secrets(request) for request in (*good, *foreign, *wrong)]


def reply_to(server: Server, request: bytes) -> bytes:
    with Wire(server.port) as wire:
        wire.socket.settimeout(0.5)
        wire.send(request)
        try:
            return wire.read_end()
        except OSError:
            return bytes(wire.received)


def talk(server: Server) -> bytes:
    """Clients with secrets send messages, break the protocol and leave; return what they received."""
    received = b""
    for path in ("/ws", "/echo", "/complains", "/deflate"):
        with connect(server, path + QUERY, **HEADERS) as wire:
            wire.send(frame("hello"))
            wire.silent(0.2)
            received += bytes(wire.received)
        with connect(server, path + QUERY, **HEADERS) as wire:
            wire.send(frame("hello", mask=None))
            received += wire.read_end()
    return received


def go_out(server: Server) -> list[str]:
    """Connect outward with secrets: refused, connected, lost, failed; return what a user sees."""
    foreign = ForeignServer()
    url = f"ws://ada:{SECRET}@127.0.0.1:{foreign.port}/ws{QUERY}"
    headers = {"Authorization": f"Bearer {SECRET}", "Cookie": SECRET}

    def attempt(url: str, headers: dict[str, str] = headers) -> str:
        return str(server.command("connect", url=url, headers=headers)["failed"])  # type: ignore[arg-type]

    reported = [attempt(url), attempt(url.replace("ws://", "wss://")), attempt(f"http://ada:{SECRET}@x/{QUERY}")]
    reported.append(attempt(url, {"Authorization": f"Bearer {SECRET}\n"}))
    with foreign.there():
        reported.append(attempt(url))
        server.command("say", first=0, count=3)
        foreign.has_received(3)
    foreign.refusing(1.0)
    return reported


def secrets(server: Server, settings: Settings) -> Outcome:
    replies = [reply_to(server, request) for request in requests()]
    with connect(server, "/complains" + QUERY, **HEADERS), connect(server, "/ws" + QUERY, **HEADERS):
        received = talk(server)
        reported = go_out(server)
        shown: Any = server.command("shown")
    places: dict[str, str] = dict(shown)
    places["replies to peers"] = repr(replies) + repr(received)
    places["errors"] = " ".join(reported)
    places["log"] = server.log.read_text(errors="replace")
    leaks = [place for place, text in places.items() if SECRET in text]
    # A search in empty places would find nothing.
    looked_at = {name: len(text) for name, text in places.items()}
    reported_enough = "cannot take" in places["journal"] and "cannot reply to" in places["journal"]
    return Outcome(
        f"{len(replies)} requests, 10 clients, 5 ways out; in {len(places)} places "
        f"({sum(looked_at.values()) >> 10} KB): {len(leaks)} leaks" + (f" ({', '.join(leaks)})" if leaks else ""),
        ok=not leaks and reported_enough and all(map(bool, reported[:4])),
        details={"looked_at": looked_at},
    )


ATTACKS = (
    Attack(
        "secrets",
        "no token, cookie, Authorization header or ?token= in any table, log, journal, repr or error",
        against_second_server(secrets),
        quick=True,
        peers=False,
    ),
)
