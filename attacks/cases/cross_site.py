"""A page of another site: what it embeds, sends and opens, as browsers tell by Sec-Fetch-Site."""

from __future__ import annotations

from attacks.attack import Attack, Outcome, Settings
from attacks.targets import Server
from attacks.wire import Wire, handshake

CROSS = "Sec-Fetch-Site: cross-site"
EMBEDDED = {
    "an image": ("GET", CROSS, "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image"),
    "a script": ("GET", CROSS, "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: script"),
    "a style": ("GET", CROSS, "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: style"),
    "an object": ("GET", CROSS, "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: object"),
    "a form": ("POST", CROSS, "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"),
    "a beacon": ("POST", CROSS, "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: empty"),
    "a named page's image": ("GET", CROSS, "Sec-Fetch-Mode: no-cors", "Referer: https://evil.example/"),
    "an image of a look-alike": ("GET", CROSS, "Referer: http://localhost.evil.example/"),
}
VISITS = {
    "a link": ("GET", CROSS, "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"),
    "an address": ("GET", "Sec-Fetch-Site: none", "Sec-Fetch-Mode: navigate"),
    "a page of ours": ("GET", "Sec-Fetch-Site: same-origin"),
    "another port": ("GET", "Sec-Fetch-Site: same-site"),
    "a program": ("GET",),
}


def status(server: Server, said: bytes) -> int:
    with Wire(server.port) as wire:
        wire.send(said)
        return wire.read_head()[0]


def request(path: str, method: str, *lines: str) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *lines, "", ""]).encode()


def cross_site(server: Server, settings: Settings) -> Outcome:
    """By request and by both forms of handshake; whether a handler has run is asked of the server."""
    before = server.command("http")["handled"]
    let_in = []
    for name, (method, *lines) in EMBEDDED.items():
        if status(server, request("/noted", method, *lines)) != 403:
            let_in.append(name)
        for more in ({}, {"Sec-WebSocket-Protocol": "x"}):
            fields = dict(line.split(": ", 1) for line in lines)
            if status(server, handshake("/ws", **fields, **more)) != 403:
                let_in.append(f"{name}'s handshake")
    ran = server.command("http")["handled"] - before
    shut_out = [
        name for name, (method, *lines) in VISITS.items() if status(server, request("/noted", method, *lines)) != 200
    ]
    return Outcome(
        f"{len(let_in)} of {3 * len(EMBEDDED)} let in, {ran} handlers run; "
        f"{len(shut_out)} of {len(VISITS)} visits shut out",
        ok=not let_in and not ran and not shut_out,
        details={"let_in": let_in, "shut_out": shut_out},
    )


ATTACKS = (
    Attack(
        "cross-site",
        "what a page of another site embeds or sends is refused before a handler runs; links, addresses and pages of "
        "this machine pass",
        cross_site,
        quick=True,
        peers=False,
    ),
)
