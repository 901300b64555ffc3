"""Logins: a thousand wrong ones at once disturb no other client, and their secrets are shown nowhere."""

from __future__ import annotations

import json
import re
from collections import Counter
from contextlib import ExitStack
from urllib.parse import urlencode

from attacks.attack import Attack, Outcome, Settings
from attacks.peak import Peak
from attacks.probe import Probe, round_trip
from attacks.servers.zefnb_logins import CLIENT_SECRET, PASSWORD
from attacks.targets import Server, System, running
from attacks.wire import Wire, connect
from zefnb.net.auth.throttle import ADDRESS_FAILURES_LIMIT, ALL_FAILURES_LIMIT, THROTTLE_WINDOW

LOGINS_SERVER = System("zefnb, with logins", module="attacks.servers.zefnb_logins", needs=("zefnb",))
_ATTEMPTS = 1_000
_GUESSED, _CODE, _STATE = "hush5f3a-guessed", "hush5f3a-code", "hush5f3a-state"


def login(server: Server, name: str, password: str, client: int | None = None, **more: str) -> bytes:
    """Return the request of the form of the login page; `client` is its number behind a proxy that is trusted."""
    body = urlencode({"name": name, "password": password, **more}).encode()
    origin, proxied = f"http://localhost:{server.port}", ""
    if client is not None:
        origin = origin.replace("http", "https")
        proxied = f"X-Forwarded-For: 192.0.2.{client % 250}\r\nX-Forwarded-Proto: https\r\n"
    return (
        f"POST /auth/login HTTP/1.1\r\nHost: localhost:{server.port}\r\nOrigin: {origin}\r\n{proxied}"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def get(server: Server, target: str, *lines: str, method: str = "GET") -> bytes:
    head = [f"{method} {target} HTTP/1.1", f"Host: localhost:{server.port}", *lines, "Content-Length: 0"]
    return "\r\n".join([*head, "", ""]).encode()


def reply(server: Server, request: bytes) -> tuple[int, dict[str, str], bytes]:
    with Wire(server.port) as wire:
        wire.socket.settimeout(60)
        wire.send(request)
        return wire.read_response()


def cookie_of(server: Server) -> str:
    """Log in, and return the Cookie header of the session."""
    status, headers, _ = reply(server, login(server, "ada", PASSWORD))
    assert status == 303, status
    return headers["set-cookie"].partition(";")[0]


def flood(plain: Server, settings: Settings) -> Outcome:
    """In the short form all come from one address; otherwise from 250, as behind a proxy."""
    limit = settings.pick(ALL_FAILURES_LIMIT, ADDRESS_FAILURES_LIMIT)
    with running(LOGINS_SERVER) as server, ExitStack() as stack:
        cookie, origin = cookie_of(server), f"http://localhost:{server.port}"
        # Before the measurement: objects that are made once.
        _wrong_logins(server, settings)
        server.command("wait", seconds=2 * THROTTLE_WINDOW)
        peak = Peak(server)
        with Probe(server, ("echo", "chat"), server.command("loop")["id"]) as probe:
            replies = _wrong_logins(server, settings)
            probe.stop()
        grown = peak.grown / 1e6
        user = stack.enter_context(connect(server, "/private", Cookie=cookie, Origin=origin, Host=origin[7:]))
        round_trip(user, "still here")
        status, _, _ = reply(server, get(server, "/", f"Cookie: {cookie}", "Sec-Fetch-Site: same-origin"))
        sessions = server.command("sessions")["count"]
    counts = Counter(status for status, _, _ in replies)
    reported = all(int(headers["retry-after"]) >= 1 for code, headers, _ in replies if code == 429)
    return Outcome(
        f"{counts[401]} checked, {counts[429]} refused with the time to wait; worst delay of others {probe}; "
        f"{grown:+.1f} MB at most; the session {'continues' if status == 200 else 'has ended'}",
        ok=counts == {401: limit, 429: _ATTEMPTS - limit}
        and reported
        and probe.worst <= 50
        and grown <= 32
        and (status, sessions) == (200, 1),
        details={"counts": dict(counts), "grown": grown, "worst": probe.worst, "loop": probe.loop_worst},
    )


def _wrong_logins(server: Server, settings: Settings) -> list[tuple[int, dict[str, str], bytes]]:
    """Send them at once, each over a connection of its own, and return the replies."""
    with ExitStack() as stack:
        wires: list[Wire] = []
        for number in range(_ATTEMPTS):
            wires.append(wire := stack.enter_context(Wire(server.port)))
            wire.socket.settimeout(120)
            wire.send(login(server, f"name-{number}", "guessed", settings.pick(number, None)))
        return [wire.read_response() for wire in wires]


def secrets(plain: Server, settings: Settings) -> Outcome:
    """Log in in each way, right and wrong, and search what is shown meanwhile and afterwards."""
    with running(LOGINS_SERVER) as server, ExitStack() as stack:
        origin = f"http://localhost:{server.port}"
        link = str(server.command("link")["path"])
        token = re.split(r"[=&]", link)[-1]
        cookie = cookie_of(server)
        by_link = reply(server, get(server, link))
        pages = ("/", "/complain", "/nowhere", f"/?ticket={_GUESSED}")
        bearers = [f"Authorization: Bearer {secret}" for secret in (cookie.partition("=")[2], token)]
        for way in (f"Cookie: {cookie}", *bearers):
            for page in pages:
                reply(server, get(server, page, way, f"Origin: {origin}"))
        requested = get(server, "/auth/ticket", f"Cookie: {cookie}", f"Origin: {origin}", method="POST")
        status, _, body = reply(server, requested)
        assert status == 200, (status, body)
        ticket = str(json.loads(body)["ticket"])
        wrong = [
            login(server, "ada", _GUESSED),
            login(server, _GUESSED, _GUESSED),
            login(server, "ada", PASSWORD, token=_GUESSED),
            get(server, f"/auth/callback?code={_CODE}&state={_STATE}"),
            get(server, "/auth/login?provider=oidc"),
            get(server, f"/?token={_GUESSED}"),
            get(server, f"/complain?token={token}"),
            get(server, "/", f"Authorization: Bearer {_GUESSED}"),
            get(server, "/", f"Cookie: {cookie.partition('=')[0]}={_GUESSED}"),
        ]
        statuses = [reply(server, request)[0] for request in wrong]
        wires = [connect(server, "/private", Cookie=cookie, Origin=origin, Host=origin[7:])]
        wires.append(connect(server, f"/private?ticket={ticket}", Origin=origin, Host=origin[7:]))
        for wire in wires:
            stack.enter_context(wire)
            round_trip(wire, "hello")
        places = {**server.command("shown"), **server.command("failures")}
        # The start of the server prints the access link, once.
        places["log"] = server.log.read_text(errors="replace").replace(link, "", 1)
    session_of_link = by_link[1]["set-cookie"].partition(";")[0].partition("=")[2]
    known = {
        "password": PASSWORD, "guess": _GUESSED, "client secret": CLIENT_SECRET, "code": _CODE, "state": _STATE,
        "token": token, "ticket": ticket, "session": cookie.partition("=")[2], "session of the link": session_of_link,
    }  # fmt: skip
    leaks = [f"{name} in {place}" for place, text in places.items() for name, secret in known.items() if secret in text]
    failures = ("an unknown field", "a port in use", "pickled auth")
    return Outcome(
        f"{len(known)} secrets; in {len(places)} places ({sum(map(len, places.values())) >> 10} KB): {len(leaks)} leaks"
        + (f" ({', '.join(leaks)})" if leaks else ""),
        # A search in empty places would find nothing.
        ok=not leaks and all(places[name] for name in failures) and "complain" in places["journal"],
        details={"looked_at": {name: len(text) for name, text in places.items()}, "statuses": statuses},
    )


ATTACKS = (
    Attack(
        "login-flood",
        "1,000 wrong logins at once: those beyond the limit are refused with the time to wait, worst delay of others "
        "50 ms, at most 32 MB more than before, and sessions continue",
        flood,
        peers=False,
        attempts=3,
    ),
    Attack(
        "login-secrets",
        "passwords, client secrets, session ids, tokens, tickets, codes and states are in no repr, journal, log, "
        "table, traceback or pickle",
        secrets,
        quick=True,
        peers=False,
    ),
)
