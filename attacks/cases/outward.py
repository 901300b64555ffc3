"""The outward client, whose server stops, starts again, is slow, or is suddenly another."""

from __future__ import annotations

import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

from attacks.attack import Attack, Outcome, Settings
from attacks.foreign_server import ForeignServer, certificates
from attacks.peak import Peak
from attacks.second_server import against_second_server
from attacks.targets import Server

WAITING = 10_000


def reported(server: Server) -> dict[str, Any]:
    return server.command("reported")


def journal(server: Server) -> str:
    messages: Any = server.command("journal")["messages"]
    return "\n".join(messages)


def connect(server: Server, url: str, **options: Any) -> str:
    failed: Any = server.command("connect", url=url, **options)["failed"]  # type: ignore[arg-type]
    return str(failed)


def closed_and_back(server: Server, settings: Settings) -> Outcome:
    foreign = ForeignServer()
    with foreign.there():
        connect(server, f"ws://127.0.0.1:{foreign.port}/ws")
        server.command("say", first=0, count=100)
        foreign.has_received(100)
    attempts, _ = foreign.refusing(settings.pick(12.0, 4.0))
    server.command("say", first=100, count=200)
    with foreign.there():
        arrived = foreign.has_received(300, within=35)
        replied = journal(server)
    gaps = [after - before for before, after in pairwise(attempts)]
    # Each pause is between one and two times the previous one.
    backs_off = len(gaps) >= 2 and gaps[-1] > 1.4 * gaps[0] and len(attempts) <= 8
    in_order = foreign.in_order(300)
    names_it = all(text in replied for text in ("is lost", "the client tries again", "connected again"))
    return Outcome(
        f"{'all' if arrived else 'NOT ALL'} arrived, {'in order' if in_order else 'OUT OF ORDER'}; "
        f"{len(attempts)} attempts, pauses {', '.join(f'{gap:.1f}' for gap in gaps)} s; "
        f"{'' if names_it else 'NOT '}in the journal",
        ok=arrived and in_order and backs_off and names_it,
        details={"gaps": gaps},
    )


def bounded(server: Server, settings: Settings) -> Outcome:
    """Without a connection, messages are kept up to a bound, and the rest is counted."""
    foreign = ForeignServer()
    count = settings.pick(100_000, 25_000)
    with foreign.there():
        connect(server, f"ws://127.0.0.1:{foreign.port}/ws")
    server.command("say", first=0, count=1)
    peak = Peak(server)
    server.command("say", first=1, count=count - 1, size=500)
    figures, grown = reported(server), peak.grown
    with foreign.there():
        arrived = foreign.has_received(WAITING, within=35)
    in_order = foreign.in_order(WAITING)
    adds_up = figures["queued"] + figures["dropped"] == count
    return Outcome(
        f"of {count:,}: {figures['queued']:,} kept, {figures['dropped']:,} counted as dropped; "
        f"{'all' if arrived else 'NOT ALL'} of those kept arrived, {'in order' if in_order else 'OUT OF ORDER'}; "
        f"memory within {grown / (1 << 20):.0f} MB",
        ok=arrived and in_order and adds_up and figures["queued"] == WAITING and grown < 32 << 20,
        details={**figures, "grown": grown},
    )


def slow(server: Server, settings: Settings) -> Outcome:
    """A slow server makes the publisher wait; nothing is lost."""
    foreign = ForeignServer()
    count = settings.pick(30_000, 10_000)
    foreign.pause = 0.000_2
    with foreign.there():
        connect(server, f"ws://127.0.0.1:{foreign.port}/ws")
        peak = Peak(server)
        server.command("say", first=0, count=count, size=500)
        arrived = foreign.has_received(count, within=60)
        figures, grown = reported(server), peak.grown
    in_order = foreign.in_order(count)
    return Outcome(
        f"{'all' if arrived else 'NOT ALL'} of {count:,} arrived, {'in order' if in_order else 'OUT OF ORDER'}; "
        f"{figures['dropped']} dropped; memory within {grown / (1 << 20):.0f} MB",
        ok=arrived and in_order and not figures["dropped"] and grown < 32 << 20,
        details={**figures, "grown": grown},
    )


def changed(server: Server, settings: Settings) -> Outcome:
    """Its server starts again without TLS, then with every wrong certificate, then as before."""
    foreign = ForeignServer()
    _, contexts, pem = certificates()
    url = f"wss://127.0.0.1:{foreign.port}/ws"
    wrong = [name for name in contexts if name != "good"]
    with tempfile.TemporaryDirectory() as folder:
        ca_file = Path(folder) / "ca.pem"
        ca_file.write_bytes(pem)
        refused = []
        for name in wrong:
            with foreign.there(contexts[name]):
                refused.append("certificate verify failed" in connect(server, url, ca_file=str(ca_file)))
        with foreign.there(contexts["good"]):
            connect(server, url, ca_file=str(ca_file))
            server.command("say", first=0, count=10)
            foreign.has_received(10)
        server.command("say", first=10, count=10)
        _, replied = foreign.refusing(2.0)
        before = len(foreign.received)
        for name in settings.pick(wrong, wrong[:1]):
            with foreign.there(contexts[name]):
                foreign.has_received(20, within=3)
        leaked = len(foreign.received) - before
        names_it = "certificate verify failed" in journal(server)
        with foreign.there(contexts["good"]):
            arrived = foreign.has_received(20, within=35)
    # A TLS client's first bytes; a WebSocket handshake starts with GET.
    downgraded = b"GET" in replied or not replied.startswith(b"\x16\x03")
    in_order = foreign.in_order(20)
    return Outcome(
        f"{sum(refused)} of {len(wrong)} wrong certificates refused; {leaked} messages leaked, "
        f"{'DOWNGRADED' if downgraded else 'never downgraded'}; {'' if names_it else 'NOT '}in the journal; "
        f"{'all' if arrived and in_order else 'NOT ALL'} arrived in order in the end",
        ok=all(refused) and not leaked and not downgraded and names_it and arrived and in_order,
    )


def _attack(name: str, promise: str, run: Any, quick: bool = True) -> Attack:
    return Attack(f"outward-{name}", promise, against_second_server(run), quick=quick, peers=False)


ATTACKS = (
    _attack(
        "gone",
        "its server stops and starts: reconnects with growing pauses, order kept, in the journal",
        closed_and_back,
    ),
    _attack(
        "bounded", "no server for a long time: 10,000 messages kept in order, the rest counted as dropped", bounded
    ),
    _attack("slow", "a slow server: the publisher is paused, nothing lost, memory bounded", slow),
    _attack("changed", "suddenly no TLS, a wrong or expired certificate: refused, never downgraded", changed),
)
