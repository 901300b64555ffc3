"""Crowds whose bytes cannot be handled yet: heads that never end, bodies in crumbs, requests behind one that waits."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress

from attacks.attack import Attack, Outcome, Settings
from attacks.cases.http_load import request, status
from attacks.peak import Peak
from attacks.targets import Server
from attacks.wire import Wire

CHUNKED = "Transfer-Encoding: chunked"
_MEGABYTE = 1_000_000
CRUMB = b"3\r\nxyz\r\n"


def _heads(stack: ExitStack, server: Server, settings: Settings) -> int:
    """As much of a head as may be, but its end."""
    count = settings.pick(2_000, 900)
    lines = [f"x-{number}: {'y' * 1_000}" for number in range(31)]
    for _ in range(count):
        with suppress(OSError):
            stack.enter_context(Wire(server.port)).send(request("/", *lines)[:-2])
    return count


def _crumbs(stack: ExitStack, server: Server, settings: Settings) -> int:
    """Bodies in chunks of three bytes, each sent by itself, until so many have come from each."""
    count = settings.pick(200, 100)
    wires = [stack.enter_context(Wire(server.port)) for _ in range(count)]
    for wire in wires:
        wire.send(request("/told", CHUNKED, method="POST"))
        wire.socket.setblocking(False)
    end = time.monotonic() + settings.pick(30, 8)
    for wire in itertools.cycle(wires):
        with suppress(OSError):
            wire.socket.send(CRUMB)
        if time.monotonic() > end:
            return count
    return count


def _behind(stack: ExitStack, server: Server, settings: Settings) -> int:
    """Behind a request whose handler waits, as much as is taken."""
    count = settings.pick(1_500, 700)
    for _ in range(count):
        wire = stack.enter_context(Wire(server.port))
        wire.send(request("/wait", method="POST"))
        wire.socket.settimeout(0.001)
        with suppress(OSError):
            wire.send(b"GET /told HTTP/1.1\r\nHost: localhost\r\n\r\n" * 8_000)
    return count


KINDS: dict[str, Callable[[ExitStack, Server, Settings], int]] = {
    "behind": _behind,
    "heads": _heads,
    "crumbs": _crumbs,
}


def unread(server: Server, settings: Settings) -> Outcome:
    grown: dict[str, float] = {}
    replies: dict[str, int | str] = {}
    for name, attack in KINDS.items():
        server.command("http", release=False)
        with ExitStack() as stack:
            peak = Peak(server)
            count = attack(stack, server, settings)
            time.sleep(4)  # heads have 5 s to come
            grown[f"{count} {name}"] = peak.grown / _MEGABYTE
            server.command("http", release=True)
        deadline = time.monotonic() + 20
        while server.command("http")["bodies"] and time.monotonic() < deadline:
            time.sleep(0.1)
        with Wire(server.port) as newcomer:
            newcomer.send(request("/told", method="POST", body=b"a=b"))
            replies[name] = status(newcomer)
    figures = ", ".join(f"{name} +{size:.0f} MB" for name, size in grown.items())
    left = server.command("http")["bodies"]
    return Outcome(
        f"{figures}; {left} bytes held at the end, newcomers get {set(replies.values())}",
        ok=max(grown.values()) <= 120 and not left and set(replies.values()) == {200},
        details={**grown, **replies},
    )


ATTACKS = (
    Attack(
        "unread",
        "crowds send heads that never end, bodies in crumbs of three bytes, and requests behind one that waits: each "
        "crowd at most 120 MB, nothing held when they have left",
        unread,
        quick=True,
        peers=False,
    ),
)
