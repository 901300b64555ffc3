"""Ten thousand tickets: each is for one handshake within a minute, and no other one is ever accepted."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

from attacks.attack import Attack, Outcome, Settings
from attacks.cases.login_floods import requests
from attacks.cases.login_gate import GATE_SERVER, HANDSHAKE, logged_in
from attacks.peak import Peak
from attacks.probe import Probe
from attacks.targets import Server, running
from attacks.wire import Wire
from zefnb.net.auth.tickets import SESSION_TICKETS_LIMIT, TICKET_TIMEOUT, TICKETS_LIMIT

# Of the tickets that must not be accepted, as many are tried: one of so many.
_EVERY = 5
_SESSIONS = TICKETS_LIMIT // SESSION_TICKETS_LIMIT
# Requests that are sent at once on one connection.
_AT_ONCE = 20


def _issued(server: Server, cookies: Sequence[str], count: int) -> list[str]:
    """Request `count` tickets for each session."""
    tickets: list[str] = []
    for cookie in cookies:
        own = f"Host: localhost:{server.port}\r\nOrigin: http://localhost:{server.port}\r\nCookie: {cookie}"
        request = f"POST /auth/ticket HTTP/1.1\r\n{own}\r\nContent-Length: 0\r\n\r\n".encode()
        with Wire(server.port) as wire:
            for first in range(0, count, _AT_ONCE):
                some = min(_AT_ONCE, count - first)
                wire.send(request * some)
                for _ in range(some):
                    status, _, body = wire.read_response()
                    assert status == 200, status
                    tickets.append(json.loads(body)["ticket"])
    return tickets


def _forged(ticket: str) -> str:
    return ticket[:-1] + ("A" if ticket[-1] != "A" else "B")


def uses(plain: Server, settings: Settings) -> Outcome:
    """Use the tickets of ten sessions in every way. In the short form, each session has fewer."""
    each = settings.pick(SESSION_TICKETS_LIMIT, 25)
    statuses: dict[str, Counter[int]] = {}
    with running(GATE_SERVER) as server:
        cookies = [logged_in(server) for _ in range(_SESSIONS)]

        def use(kind: str, tickets: Sequence[str], every: int = _EVERY) -> None:
            tickets = tickets[::every]
            statuses[kind] = requests(server, lambda n: f"/room?ticket={tickets[n]}", len(tickets), *HANDSHAKE)

        # Before the measurement: objects that are made once.
        use("first", _issued(server, cookies, 10), every=1)
        peak = Peak(server)
        with Probe(server, ("echo", "chat"), server.command("loop")["id"]) as probe:
            new = _issued(server, cookies, each)
            use("forged", [_forged(ticket) for ticket in new])
            use("new", new, every=1)
            use("used", new)
            displaced = _issued(server, cookies, each)
            late = _issued(server, cookies, SESSION_TICKETS_LIMIT)
            held = server.command("tickets")["count"]
            use("displaced", displaced)
            server.command("wait", seconds=TICKET_TIMEOUT)
            use("late", late, every=settings.pick(_EVERY, 100))
            probe.stop()
        left, grown = server.command("tickets")["count"], peak.grown / 1e6
    accepted = {kind: counts[101] for kind, counts in statuses.items() if kind not in ("first", "new")}
    count = each * _SESSIONS
    return Outcome(
        f"{statuses['new'][101]:,} of {count:,} new tickets got 101; accepted of the others: {accepted}; "
        f"{held:,} held at most, {left:,} after a minute; {grown:+.1f} MB at most; worst delay of others {probe}",
        ok=statuses["new"] == {101: count}
        and all(counts == {401: counts.total()} for kind, counts in statuses.items() if kind in accepted)
        and (held, left) == (TICKETS_LIMIT, 0)
        and grown <= 16
        and probe.loop_worst <= 50
        and probe.own_worst <= 50,
        details={"statuses": {kind: dict(counts) for kind, counts in statuses.items()}, "grown": grown},
    )


ATTACKS = (
    Attack(
        "login-ticket-uses",
        "10,000 tickets of ten sessions: each opens one WebSocket; forged, used, displaced and late ones open none; "
        "10,000 are held at most and none after a minute, memory within 16 MB, worst delay of others 50 ms",
        uses,
        peers=False,
        attempts=3,
    ),
)
