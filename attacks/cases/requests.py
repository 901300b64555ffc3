"""Invalid requests: garbage, contradictions, bad handshakes, and endless heads."""

from __future__ import annotations

import time
from collections.abc import Iterable

from attacks.attack import Attack, Outcome, Settings
from attacks.targets import Server
from attacks.wire import Wire, handshake
from tests.net.hostile import BAD_HANDSHAKES, GARBAGE

LIMIT = 32 << 10
PIECE = 1 << 10
MEGABYTE = 1 << 20
# Each server has its own paths.
REFUSED = {name: request for name, (request, _) in BAD_HANDSHAKES.items() if "path" not in name}


def verdict(wire: Wire) -> str:
    """Return the status, or what happened instead."""
    try:
        status, _, _ = wire.read_response()
    except AssertionError:
        return "cut without a response"
    except TimeoutError:
        return "left silent"
    except OSError:
        return "reset"
    if status == 101:
        return "let in"
    return "4xx" if 400 <= status < 500 else str(status)


def tell(server: Server, requests: Iterable[bytes]) -> dict[str, int]:
    """Send each on its own connection; return how often each result occurred."""
    replies: dict[str, int] = {}
    for request in requests:
        with Wire(server.port) as wire:
            wire.socket.settimeout(3)
            wire.send(request)
            reply = verdict(wire)
        replies[reply] = replies.get(reply, 0) + 1
    return replies


def asking_for_upgrade(request: bytes) -> bytes:
    """Return the same, as a handshake."""
    head, end, rest = request.partition(b"\r\n\r\n")
    fields = handshake("/ws").partition(b"localhost\r\n")[2][:-4]
    return head.replace(b"POST /told", b"GET /ws") + b"\r\n" + fields + end + rest


def garbage(server: Server, settings: Settings) -> Outcome:
    requests = [*GARBAGE.values(), *map(asking_for_upgrade, GARBAGE.values()), *REFUSED.values()]
    replies = tell(server, requests)
    reported = ", ".join(f"{count} {reply}" for reply, count in sorted(replies.items()))
    return Outcome(f"of {len(requests)}: {reported}", ok=replies == {"4xx": len(requests)}, details=replies)


def dripped(server: Server, head: bytes) -> tuple[int, str]:
    """Send a head piece by piece until a response arrives; return the bytes sent, and the response."""
    with Wire(server.port) as wire:
        wire.socket.settimeout(3)
        sent = 0
        try:
            while sent < MEGABYTE:
                wire.send(head if not sent else b"X: " + b"x" * (PIECE - 5) + b"\r\n")
                sent += len(head) if not sent else PIECE
                # Near the limit every byte counts, so wait for the response.
                if not wire.silent(0.003 if sent <= LIMIT else 0.25):
                    break
        except OSError:
            return sent, "reset"
        wire.socket.settimeout(3)
        return sent, verdict(wire)


def endless(server: Server, settings: Settings) -> Outcome:
    """1 MiB of headers: in small pieces, to find the limit, and all at once."""
    starts = [b"GET / HTTP/1.1\r\nHost: localhost\r\n", handshake()[:-2]]
    taken = [dripped(server, start) for start in starts]
    begun = time.monotonic()
    at_once = tell(server, [start + b"X: y\r\n" * 170_000 for start in starts])
    took = time.monotonic() - begun
    most = max(sent for sent, _ in taken)
    replies = sorted({reply for _, reply in taken} | set(at_once))
    return Outcome(
        f"{' and '.join(replies)} after {most >> 10} KB; 1 MiB at once: {took * 500:.0f} ms",
        # The first piece over the limit, and the one in transit.
        ok=replies == ["4xx"] and most <= LIMIT + 2 * PIECE,
        details={"taken": taken, "at_once": at_once},
    )


ATTACKS = (
    Attack("requests-endless", "1 MiB of headers: a 4xx after at most 32 KB, never 101", endless, quick=True),
    Attack(
        "requests-garbage",
        "garbage of every kind, two lengths at once, bad keys and versions: a 4xx, never 101, each gets a response",
        garbage,
        quick=True,
    ),
)
