"""The outward client with a hostile server: one that redirects, or one that floods and does not read."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from attacks.attack import Attack, Outcome, Settings
from attacks.foreign_server import listener
from attacks.peak import Peak
from attacks.second_server import against_second_server
from attacks.targets import Server
from tests.net.client.raw import RawServer, clients_of, server_frame

SPELLINGS = (
    "127.0.0.1", "localhost", "LOCALHOST", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0.0.0.0", "0",
    "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "eve:x@127.0.0.1",
)  # fmt: skip
FOREIGN = "feed.example"
HEADERS = {"Authorization": "Bearer hush", "Cookie": "hush", "X-Api-Key": "hush"}
PING, TEXT, CONT = 0x9, 0x1, 0x0


class Redirector:
    """Replies to every request with a redirect, or with 404, and records the requests."""

    def __init__(self) -> None:
        self._listener = listener()
        self.port: int = self._listener.getsockname()[1]
        self.location: str | None = None
        self.heads: list[bytes] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        for client in clients_of(self._listener):
            with client:
                client.settimeout(5)
                head = b""
                while b"\r\n\r\n" not in head and (more := client.recv(4096)):
                    head += more
                self.heads.append(head)
                status = "404 Not Found" if self.location is None else f"307 There\r\nLocation: {self.location}"
                client.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())

    def end(self) -> None:
        self._listener.close()


def redirects(server: Server, settings: Settings) -> Outcome:
    inside, foreign = Redirector(), Redirector()
    server.command("resolve", host=FOREIGN, address="127.0.0.1")
    refused = tries = 0
    for mode in ("same-origin", "any"):
        for spelling in SPELLINGS:
            tries += 1
            foreign.location = f"ws://{spelling}:{inside.port}/inside"
            url = f"ws://ada:hush@{FOREIGN}:{foreign.port}/ws?key=hush"
            failed: Any = server.command("connect", url=url, headers=HEADERS, redirects=mode)["failed"]  # type: ignore[arg-type]
            refused += "redirect" in failed and "hush" not in failed
    reached = len(inside.heads)
    # A redirect from this machine to this machine is followed with 'any', but without the credentials.
    foreign.location = f"ws://127.0.0.1:{inside.port}/inside"
    url = f"ws://ada:hush@127.0.0.1:{foreign.port}/ws"
    server.command("connect", url=url, headers=HEADERS, redirects="any")  # type: ignore[arg-type]
    followed = inside.heads[reached:]
    leaked = sum(b"hush" in head or b"authorization" in head.lower() for head in inside.heads)
    inside.end()
    foreign.end()
    return Outcome(
        f"{refused} of {tries} refused, {reached} reached a service of this machine; "
        f"with 'any' {len(followed)} of 1 followed, {leaked} credentials sent",
        ok=refused == tries and not reached and len(followed) == 1 and not leaked,
    )


def _pings(client: socket.socket) -> None:
    flood = server_frame(PING, b"x" * 125) * 500
    while True:
        client.sendall(flood)


def _short_pings(client: socket.socket) -> None:
    flood = server_frame(PING) * 30_000
    while True:
        client.sendall(flood)


def _fragments(client: socket.socket) -> None:
    client.sendall(server_frame(TEXT, b"a", fin=False))
    flood = server_frame(CONT, fin=False) * 30_000
    while True:
        client.sendall(flood)


def _messages(client: socket.socket) -> None:
    flood = server_frame(TEXT) * 30_000
    while True:
        client.sendall(flood)


FLOODS: tuple[Callable[[socket.socket], None], ...] = (_pings, _short_pings, _fragments, _messages)


def pings(server: Server, settings: Settings) -> Outcome:
    """A server that reads nothing and sends pings, fragments or messages as fast as it can."""
    seconds = settings.pick(10.0, 2.0)
    grown: dict[str, int] = {}
    for flood in FLOODS:
        peer = RawServer(flood, receive_buffer=4096)
        peak = Peak(server)
        server.command("connect", url=peer.url)
        time.sleep(seconds)
        grown[flood.__name__.strip("_")] = peak.grown
        peer.end()
        server.command("disconnect")
    figures = ", ".join(f"{name.replace('_', ' ')} +{size / (1 << 20):.1f} MB" for name, size in grown.items())
    return Outcome(f"{figures} in {seconds:.0f} s each", ok=max(grown.values()) < 12 << 20, details={"grown": grown})


ATTACKS = (
    Attack(
        "outward-redirects",
        "a foreign server redirects to a service of this machine: never followed; no credentials go to others",
        against_second_server(redirects),
        quick=True,
        peers=False,
    ),
    Attack(
        "outward-pings",
        "a server that reads nothing and floods with pings, fragments or messages: the client grows by at most 12 MB",
        against_second_server(pings),
        quick=True,
        peers=False,
    ),
)
