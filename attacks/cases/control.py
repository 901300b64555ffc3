"""The live tables' channel: strangers who try to come in, and views that go without a word."""

from __future__ import annotations

import contextlib
import hmac
import json
import time
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from attacks.attack import Attack, Outcome, Settings
from attacks.peak import Peak
from attacks.second_server import against_second_server
from attacks.targets import Server

_DEEP = "[" * 1_000
HOSTILE: tuple[str | bytes, ...] = (
    _DEEP, '{"token":' * 110, "", "null", "NaN", "1e999", "9" * 1_000, "\x00", b"\xff" * 900, "{}",
    '{"token": "x", "token": "y"}',
    '{"token": [], "nonce": {}, "proof": 5}', '{"do": "publish", "topic": "room", "content": "x"}', "x" * (1 << 20),
)  # fmt: skip
NO_REQUESTS: tuple[tuple[str | bytes, int], ...] = (
    ("[" * 1_000_000, 1007), ("{", 1007), ('{"do": "look", "id": NaN}', 1007), ('{"do": "a", "do": "b"}', 1007),
    ('{"id": ' + "9" * 10_000 + "}", 1007), (b'{"do": "look"}', 1003), ("x" * ((1 << 20) + 1), 1009),
)  # fmt: skip
ORIGINS = ("null", "https://evil.example", "file://", "data:")


def enter(door: dict[str, Any]) -> ClientConnection:
    """A view that knows the secret."""
    socket = connect(door["url"], close_timeout=0.5, legacy=True)
    nonce, own = (
        json.loads(socket.recv(timeout=20))["nonce"],
        "a nonce of the view's".replace(" ", "-").replace("'", ""),
    )
    said = f"view\n{door['token']}\n{nonce}\n{own}"
    proof = hmac.digest(door["secret"].encode(), said.encode(), "sha256").hex()
    socket.send(json.dumps({"token": door["token"], "nonce": own, "proof": proof}))
    assert json.loads(socket.recv(timeout=20))["t"] == "welcome"
    return socket


def closed_with(socket: ClientConnection) -> int:
    """The code with which the server closes it; -1 when it does not."""
    try:
        while True:
            socket.recv(timeout=20)
    except ConnectionClosed as closed:
        return int(closed.rcvd.code) if closed.rcvd is not None else 1006
    except TimeoutError:
        return -1


def is_answered(view: ClientConnection) -> bool:
    """Whether a view that asks for something gets it."""
    view.send(json.dumps({"do": "look", "id": 1}))
    try:
        while json.loads(view.recv(timeout=20))["t"] != "done":
            pass
    except (ConnectionClosed, TimeoutError):
        return False
    return True


def let_in(url: str, **options: Any) -> bool:
    """Whether a handshake is accepted."""
    try:
        connect(url, close_timeout=0.5, legacy=True, **options).close()
    except InvalidStatus:
        return False
    return True


def hostile(server: Server, settings: Settings) -> Outcome:
    door = server.command("watch")
    url, secret = str(door["url"]), str(door["secret"])
    view = enter(door)
    foreign = sum(let_in(url, origin=origin) for origin in ORIGINS)  # type: ignore[arg-type]
    before: Any = server.command("journal")["messages"]
    peak = Peak(server)
    wrong = leaks = tries = 0
    for said in HOSTILE * settings.pick(20, 2):
        tries += 1
        with connect(url, close_timeout=0.5) as socket:
            hello = str(socket.recv(timeout=20))
            leaks += set(json.loads(hello)) != {"t", "nonce"} or secret in hello
            with contextlib.suppress(ConnectionClosed):
                socket.send(said)
            wrong += closed_with(socket) not in (1008, 1009)
    for said, code in NO_REQUESTS * settings.pick(5, 1):
        tries += 1
        broken = enter(door)
        broken.send(said)
        wrong += closed_with(broken) != code
        broken.close()
    after: Any = server.command("journal")["messages"]
    lives = is_answered(view)
    view.close()
    lines = len(after) - len(before)
    return Outcome(
        f"{foreign} of {len(ORIGINS)} foreign pages let in; of {tries} hostile messages {wrong} closed wrongly, "
        f"{leaks} told something; {lines} lines in the journal; the neighbour {'lives' if lives else 'DOES NOT LIVE'}; "
        f"memory within {peak.grown / (1 << 20):.1f} MB",
        ok=not foreign and not wrong and not leaks and lines <= 5 and lives and peak.grown < 16 << 20,
        details={"lines": after[-lines:] if lines else [], "grown": peak.grown},
    )


def views_gone(server: Server, settings: Settings) -> Outcome:
    """Views through the kernel say nothing when their tab is closed."""
    count, patience = 100, settings.pick(10.0, 3.0)
    server.command("watch")
    most = server.command("views_through_kernel", count=count, patience=patience)["views"]
    deadline = time.monotonic() + 20 * patience
    while (left := server.command("views")) != {"views": 0, "followed": 0, "ticks": 0} and time.monotonic() < deadline:
        time.sleep(0.1)
    return Outcome(
        f"{most} views that rested and went: {left['views']} kept, {left['followed']} topics followed, "
        f"{'still' if left['ticks'] else 'nothing is'} ticking",
        ok=bool(most) and not any(left.values()),
    )


ATTACKS = (
    Attack(
        "control-hostile",
        "the live tables' channel: foreign pages 403; what is no proof or no request ends that view and nothing else",
        against_second_server(hostile),
        quick=True,
        peers=False,
    ),
    Attack(
        "views-gone",
        "100 views through the kernel that rested and went: forgotten",
        against_second_server(views_gone),
        quick=True,
        peers=False,
    ),
)
