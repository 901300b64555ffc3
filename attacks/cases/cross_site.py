"""A page of another site: its embedded, sent and opened requests, which browsers mark by Sec-Fetch-Site."""

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
    "a frame": ("GET", CROSS, "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"),
    "a prefetched page": (
        "GET",
        CROSS,
        "Sec-Fetch-Mode: navigate",
        "Sec-Fetch-Dest: document",
        "Sec-Purpose: prefetch",
    ),
    "a form": ("POST", CROSS, "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"),
    "a beacon": ("POST", CROSS, "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: empty"),
    "a named page's image": ("GET", CROSS, "Sec-Fetch-Mode: no-cors", "Referer: https://evil.example/"),
    "an image of a look-alike": ("GET", CROSS, "Referer: http://localhost.evil.example/"),
}
VISITS = {
    "a link": ("GET", CROSS, "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"),
    "an address": ("GET", "Sec-Fetch-Site: none", "Sec-Fetch-Mode: navigate"),
    "a page of the server": ("GET", "Sec-Fetch-Site: same-origin"),
    "another port": ("GET", "Sec-Fetch-Site: same-site"),
    "a program": ("GET",),
}


def status(server: Server, request: bytes) -> int:
    with Wire(server.port) as wire:
        wire.send(request)
        return wire.read_head()[0]


def request(path: str, method: str, *lines: str) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *lines, "", ""]).encode()


def cross_site(server: Server, settings: Settings) -> Outcome:
    """As a request and as both forms of handshake; the server reports whether a handler has run."""
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
        f"{len(let_in)} of {3 * len(EMBEDDED)} accepted, {ran} handlers run; "
        f"{len(shut_out)} of {len(VISITS)} visits refused",
        ok=not let_in and not ran and not shut_out,
        details={"let_in": let_in, "shut_out": shut_out},
    )


ATTACKS = (
    Attack(
        "cross-site",
        "requests that a page of another site embeds, sends or fetches in advance are refused before a handler runs; "
        "links, addresses and pages of this machine pass",
        cross_site,
        quick=True,
        peers=False,
    ),
)
