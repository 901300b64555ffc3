"""Floods of wrong credentials: bearer tokens, tickets, states of a provider, and logins that are begun and left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from urllib.parse import urlencode

from attacks.attack import Attack, Outcome, Run, Settings
from attacks.cases.login_gate import GATE_SERVER, HANDSHAKE, begin_at_provider, logged_in, return_from_provider, sent
from attacks.probe import Probe
from attacks.targets import Server, memory, running
from attacks.wire import Wire

_WRONG = 10_000
# Requests that are sent at once on one connection.
_AT_ONCE = 20
_ATTACKERS = 10
_GUESS = "0123456789abcdef0123456789abcdef0123456789a"

Target = Callable[[int], str]


def requests(server: Server, target: Target, count: int, *lines: str) -> Counter[int]:
    """Send `count` requests over some connections, and return how often each status came back."""
    statuses: Counter[int] = Counter()
    # A refused handshake ends its connection.
    each = 1 if HANDSHAKE[0] in lines else count // _ATTACKERS
    for first in range(0, count, each * _ATTACKERS):
        targets = [[target(first + number * each + n) for n in range(each)] for number in range(_ATTACKERS)]
        statuses += _one_connection_each(server, targets, lines)
    return statuses


def _one_connection_each(server: Server, targets: list[list[str]], lines: Sequence[str]) -> Counter[int]:
    statuses: Counter[int] = Counter()
    tail = "\r\n".join([f"Host: localhost:{server.port}", *lines, "", ""])
    with ExitStack() as stack:
        wires = [stack.enter_context(Wire(server.port)) for _ in targets]
        for first in range(0, len(targets[0]), _AT_ONCE):
            for wire, own in zip(wires, targets, strict=True):
                some = own[first : first + _AT_ONCE]
                wire.send("".join(f"GET {each} HTTP/1.1\r\n{tail}" for each in some).encode())
            for wire in wires:
                statuses.update(wire.read_response()[0] for _ in targets[0][first : first + _AT_ONCE])
    return statuses


def flood_of(target: Target, status: int, *lines: str) -> Run:
    """Return the attack that sends such requests, which all must get this status."""

    def flood(plain: Server, settings: Settings) -> Outcome:
        count = settings.pick(_WRONG, 1_000)
        with running(GATE_SERVER) as server:
            cookie = logged_in(server)
            # A login of another address, as a trusted proxy reports it.
            params, flow = begin_at_provider(server, "X-Forwarded-For: 192.0.2.7")
            # Before the measurement: objects that are made once, and the most logins that wait for one address.
            requests(server, target, settings.pick(3_000, 1_200), *lines)
            before = memory(server)
            with Probe(server, ("echo", "chat"), server.command("loop")["id"]) as probe:
                statuses = requests(server, target, count, *lines)
                probe.stop()
            grown = (memory(server) - before) / 1e6
            served = sent(server, "/page", f"Cookie: {cookie}")[0]
            completed = return_from_provider(server, params, flow)[0]
        return Outcome(
            f"{statuses[status]:,} of {count:,} got {status}; {grown:+.1f} MB; worst delay of others {probe}; "
            f"a session gets {served}, a login of another address {completed}",
            ok=statuses == {status: count}
            and grown <= 4
            and max(probe.loop_worst, probe.own_worst) <= 50
            and (served, completed) == (200, 303),
            details={"statuses": dict(statuses), "grown": grown, "loop": probe.loop_worst, "own": probe.own_worst},
        )

    return flood


def _wrong_state(number: int) -> str:
    return f"/auth/callback?{urlencode({'code': 'c', 'state': f'{_GUESS}{number}'})}"


_PROMISE = (
    "10,000 {}: {}, memory within 4 MB, worst delay of others 50 ms; a session and a login of another address continue"
)


def _attack(name: str, what: str, then: str, run: Run, quick: bool = False) -> Attack:
    return Attack(name, _PROMISE.format(what, then), run, quick=quick, peers=False, attempts=3)


ATTACKS = (
    _attack(
        "login-bearers",
        "wrong bearer tokens",
        "401",
        flood_of(lambda number: f"/page?x={number}", 401, f"Authorization: Bearer {_GUESS}"),
    ),
    _attack(
        "login-tickets",
        "wrong tickets",
        "401",
        flood_of(lambda number: f"/room?ticket={_GUESS}{number}", 401, *HANDSHAKE),
    ),
    _attack("login-states", "wrong states of a provider", "400", flood_of(_wrong_state, 400)),
    _attack(
        "login-begun",
        "logins at a provider that are begun and never completed",
        "of one address 1,000 wait at most",
        flood_of(lambda number: f"/auth/login?provider=oidc&next=/rooms/{number}", 303),
        quick=True,
    ),
)
