"""Foreign pages: foreign Origins and foreign Hosts are refused, and allowed ones are accepted."""

from __future__ import annotations

from attacks.attack import Attack, Outcome, Settings
from attacks.second_server import against_second_server
from attacks.targets import Server
from attacks.wire import Wire, handshake

FOREIGN_ORIGINS = (
    "http://evil.example",
    "null",
    "http://localhost.evil.example",
    "http://127.0.0.1.evil.example",
    "http://evillocalhost",
    "http://localhost@evil.example",
    "http://evil.example#localhost",
    "http://192.0.2.1:8888",
    "https://evil.example:443",
    "file://",
    "http://localhost, http://evil.example",
)
FOREIGN_HOSTS = ("evil.example", "localhost.evil.example", "192.0.2.1", "evil.example:80", "localhost@evil.example")
OURS = ("", "http://localhost:8888", "http://127.0.0.1", "https://[::1]:3000")
# The second server allows hub.example as a host, https://app.example as an origin; these are only similar.
LOOK_ALIKES = (
    "http://app.example",
    "https://app.example:444",
    "https://app.example.evil",
    "https://evil.app.example",
    "https://xapp.example",
    "https://app.example/",
    "https://hub.example:8443",
)
ALLOWED = ("https://app.example", "https://APP.example:443", "https://hub.example")


def status(server: Server, **headers: str) -> int:
    """Return the response to a handshake with these headers."""
    with Wire(server.port) as wire:
        wire.send(handshake("/ws", **headers))
        try:
            return wire.read_head()[0]
        except (AssertionError, OSError):
            return 0


def foreigners(server: Server, settings: Settings) -> Outcome:
    own = f"localhost:{server.port}"
    origins = {origin: status(server, host=own, Origin=origin) for origin in FOREIGN_ORIGINS}
    # With DNS rebinding, Host and Origin agree, but neither is a known name.
    hosts = {host: status(server, host=host) for host in FOREIGN_HOSTS}
    rebound = {f"{host} twice": status(server, host=host, Origin=f"http://{host}") for host in FOREIGN_HOSTS}
    ours = {origin: status(server, host=own, Origin=origin) for origin in (*OURS, f"http://{own}")}
    foreign = origins | hosts | rebound
    let_in = [name for name, reply in foreign.items() if reply == 101]
    shut_out = [name for name, reply in ours.items() if reply != 101]
    return Outcome(
        f"{len(let_in)} of {len(foreign)} foreign ones accepted, {len(shut_out)} of {len(ours)} own refused",
        ok=not shut_out and set(foreign.values()) == {403},
        details={"foreign": foreign, "ours": ours},
    )


def look_alikes(server: Server, settings: Settings) -> Outcome:
    refused = {origin: status(server, Origin=origin) for origin in LOOK_ALIKES}
    refused |= {host: status(server, host=host) for host in ("sub.hub.example", "hub.example.evil", "xhub.example")}
    allowed = {origin: status(server, host="hub.example", Origin=origin) for origin in ALLOWED}
    return Outcome(
        f"{sum(a == 101 for a in refused.values())} of {len(refused)} similar names accepted, "
        f"{sum(a != 101 for a in allowed.values())} of {len(allowed)} allowed ones refused",
        ok=set(refused.values()) == {403} and set(allowed.values()) == {101},
        details={"refused": refused, "allowed": allowed},
    )


ATTACKS = (
    Attack(
        "origins-foreign",
        "a foreign Origin, also null and similar names, and a foreign Host: 403; loopback and no Origin pass",
        foreigners,
        quick=True,
    ),
    Attack(
        "origins-allowed",
        "an allow-list matches whole names, schemes and ports",
        against_second_server(look_alikes),
        quick=True,
        peers=False,
    ),
)
