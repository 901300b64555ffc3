"""Isolation: handlers change everything they can reach, and no other client may see it."""

from __future__ import annotations

import json
import urllib.request
from contextlib import ExitStack

from attacks.attack import Attack, Outcome, Settings
from attacks.targets import Server
from attacks.wire import connect, connected, frame

CLIENTS = 10


def states_and_contexts(server: Server, settings: Settings) -> Outcome:
    """Clients send at once to handlers that change their state and context, and fail at every third message."""
    words = settings.pick(300, 60)
    foreign = leaked = missing = marked = count = 0
    for path in ("/own/plain", "/own/inline"):
        with connected(server, CLIENTS, path) as wires:
            for number in range(words):
                for client, wire in enumerate(wires):
                    wire.send(frame(f"{client}:{number}:{'raise' if number % 3 == 2 else 'say'}"))
            for client, wire in enumerate(wires):
                expected: list[str] = []
                for number in (n for n in range(words) if n % 3 != 2):
                    expected.append(f"{client}:{number}:say")
                    reply = json.loads(wire.read().payload)
                    replied = set(reply["said"])
                    count += 1
                    foreign += any(not word.startswith(f"{client}:") for word in replied)
                    leaked += any(word.endswith("raise") for word in replied)
                    missing += not replied.issuperset(expected)
                    marked += reply["found"] != "clean"
    requests = words // 3
    for _ in range(requests):
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/own/context", timeout=10) as reply:
            marked += reply.read() != b"clean"
    return Outcome(
        f"{count:,} replies: {foreign} with another client's words, {leaked} with those of a failed call, {missing} "
        "without "
        f"their own; of these and {requests} requests {marked} found values of another call",
        ok=not (foreign or leaked or missing or marked) and count == 2 * CLIENTS * words * 2 // 3,
        details={"foreign": foreign, "left": leaked, "missing": missing, "marked": marked},
    )


def contents(server: Server, settings: Settings) -> Outcome:
    """Receivers in Python change every message that they receive; sockets receive the same messages."""
    words = settings.pick(1_000, 100)
    spoilt = 0
    with ExitStack() as stack:
        spoilers = [stack.enter_context(connect(server, "/own/spoilers")) for _ in range(3)]
        listeners = [stack.enter_context(connect(server, "/own/notes")) for _ in range(3)]
        late = stack.enter_context(connect(server, "/own/spoilers"))
        wire = stack.enter_context(connect(server, "/own/inline"))
        for number in range(words):
            wire.send(frame(f"{number}"))
            wire.read()
            for listener in listeners:
                spoilt += json.loads(listener.read().payload) != [f"{number}"]
        receivers = 2 * len([*spoilers, late])
    return Outcome(
        f"{words:,} messages to {receivers} receivers that change theirs and {len(listeners)} sockets: {spoilt} "
        "changed",
        ok=not spoilt,
        details={"spoilt": spoilt},
    )


ATTACKS = (
    Attack(
        "isolation-calls",
        "handlers append to their state, fail afterwards, and leave ContextVars and decimal's context changed: "
        "no other client and no later call finds any of it",
        states_and_contexts,
        quick=True,
        peers=False,
    ),
    Attack(
        "isolation-content",
        "receivers change the content that they receive: sockets receive what was published",
        contents,
        quick=True,
        peers=False,
    ),
)
