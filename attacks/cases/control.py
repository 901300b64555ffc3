"""The channel of the live tables: unauthorized connections, and views that end without a message."""

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
    ("[" * 1_000_000, 1007), ("{", 1007), ('{"do": "window", "id": NaN}', 1007), ('{"do": "a", "do": "b"}', 1007),
    ('{"id": ' + "9" * 10_000 + "}", 1007), (b'{"do": "window"}', 1003), ("x" * ((1 << 20) + 1), 1009),
)  # fmt: skip
ORIGINS = ("null", "https://evil.example", "file://", "data:")


def authenticate(access: dict[str, Any]) -> ClientConnection:
    """Return the connection of a view that has the secret."""
    socket = connect(access["url"], close_timeout=0.5, legacy=True)
    nonce, own = json.loads(socket.recv(timeout=20))["nonce"], "a-nonce-of-the-view"
    signed = f"view\n{access['token']}\n{nonce}\n{own}"
    proof = hmac.digest(access["secret"].encode(), signed.encode(), "sha256").hex()
    socket.send(json.dumps({"token": access["token"], "nonce": own, "proof": proof}))
    assert json.loads(socket.recv(timeout=20))["t"] == "welcome"
    return socket


def closed_with(socket: ClientConnection) -> int:
    """Return the code with which the server closes it; -1 when it does not."""
    try:
        while True:
            socket.recv(timeout=20)
    except ConnectionClosed as closed:
        return int(closed.rcvd.code) if closed.rcvd is not None else 1006
    except TimeoutError:
        return -1


def is_served(view: ClientConnection) -> bool:
    """Return whether a view receives what it requests."""
    view.send(json.dumps({"do": "window", "id": 1}))
    try:
        while json.loads(view.recv(timeout=20))["t"] != "done":
            pass
    except (ConnectionClosed, TimeoutError):
        return False
    return True


def is_accepted(url: str, **options: Any) -> bool:
    """Return whether a handshake is accepted."""
    try:
        connect(url, close_timeout=0.5, legacy=True, **options).close()
    except InvalidStatus:
        return False
    return True


def hostile(server: Server, settings: Settings) -> Outcome:
    access = server.command("watch")
    url, secret = str(access["url"]), str(access["secret"])
    view = authenticate(access)
    foreign = sum(is_accepted(url, origin=origin) for origin in ORIGINS)  # type: ignore[arg-type]
    before: Any = server.command("journal")["messages"]
    peak = Peak(server)
    wrong = leaks = tries = 0
    for message in HOSTILE * settings.pick(20, 2):
        tries += 1
        with connect(url, close_timeout=0.5) as socket:
            hello = str(socket.recv(timeout=20))
            leaks += set(json.loads(hello)) != {"t", "nonce"} or secret in hello
            with contextlib.suppress(ConnectionClosed):
                socket.send(message)
            wrong += closed_with(socket) not in (1008, 1009)
    for message, code in NO_REQUESTS * settings.pick(5, 1):
        tries += 1
        broken = authenticate(access)
        broken.send(message)
        wrong += closed_with(broken) != code
        broken.close()
    after: Any = server.command("journal")["messages"]
    works = is_served(view)
    view.close()
    lines = len(after) - len(before)
    return Outcome(
        f"{foreign} of {len(ORIGINS)} foreign pages accepted; of {tries} hostile messages {wrong} closed wrongly, "
        f"{leaks} received data; {lines} lines in the journal; the neighbour {'works' if works else 'DOES NOT WORK'}; "
        f"memory within {peak.grown / (1 << 20):.1f} MB",
        ok=not foreign and not wrong and not leaks and lines <= 5 and works and peak.grown < 16 << 20,
        details={"lines": after[-lines:] if lines else [], "grown": peak.grown},
    )


def views_closed(server: Server, settings: Settings) -> Outcome:
    """Views through the kernel send nothing when their tab is closed."""
    count, timeout = 100, settings.pick(10.0, 3.0)
    server.command("watch")
    most = server.command("views_through_kernel", count=count, idle_timeout=timeout)["views"]
    deadline = time.monotonic() + 20 * timeout
    while (left := server.command("views")) != {"views": 0, "followed": 0, "ticks": 0} and time.monotonic() < deadline:
        time.sleep(0.1)
    return Outcome(
        f"{most} views that paused and ended: {left['views']} kept, {left['followed']} topics followed, "
        f"{'a' if left['ticks'] else 'no'} timer runs",
        ok=bool(most) and not any(left.values()),
    )


ATTACKS = (
    Attack(
        "control-hostile",
        "the channel of the live tables: foreign pages 403; an invalid proof or request ends only that view",
        against_second_server(hostile),
        quick=True,
        peers=False,
    ),
    Attack(
        "views-gone",
        "100 views through the kernel that sent no more requests are forgotten",
        against_second_server(views_closed),
        quick=True,
        peers=False,
    ),
)
