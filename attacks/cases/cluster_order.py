"""Order and delivery in a cluster: nodes whose publishers send at once, and a node that is killed."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from attacks.attack import Attack, Outcome, Settings
from attacks.cluster import cluster
from attacks.targets import Server

_THREADS = (3, 3, 2)


def one_order(server: Server, settings: Settings) -> Outcome:
    """Publish from eight threads of three nodes, in lists of 1 to 40 messages."""
    each = settings.pick(25_000, 250)
    total = each * sum(_THREADS)
    with cluster(3) as attacked:
        began = time.monotonic()
        for name, node, threads in zip("abc", attacked.nodes, _THREADS, strict=True):
            node.command("start_publishers", prefix=name, threads=threads, count=each, most=40)
        attacked.all("stop_publishers", stop=False, timeout=400)
        attacked.all("wait", count=total, within=120, timeout=150)
        took = time.monotonic() - began
        attacked.publish_end()
        received = attacked.all("received")
    orders = {report["order"] for report in received}
    lost = sum(total + 1 - report["count"] + report["doubled"] for report in received)
    doubled = sum(report["doubled"] for report in received)
    unordered = sum(len(report["unordered"]) for report in received)
    return Outcome(
        f"{total:,} messages of 8 publishers on 3 nodes: {len(orders)} order, {lost} lost, {doubled} doubled, "
        f"{unordered} publishers out of order ({total / took:,.0f} a second)",
        ok=len(orders) == 1 and not lost and not doubled and not unordered,
    )


def killed(server: Server, settings: Settings) -> Outcome:
    """Kill a node that publishes. The messages that it had acknowledged arrive at the other nodes."""
    wanted, missing, acknowledged = settings.pick(5, 1), 0, 0
    for _ in range(wanted):
        with tempfile.TemporaryDirectory() as folder, cluster(2) as attacked:
            log = Path(folder) / "acknowledged"
            other, target = attacked.nodes
            target.command("start_publishers", prefix="k", threads=4, most=10, log=str(log))
            other.command("wait", count=2_000)
            _kill(target)
            other.command("publish", content="end 0")
            other.command("wait_for", publisher="end")
            received = other.command("received")["each"]
            each: dict[str, int] = {}
            for line in log.read_text().splitlines():
                publisher, _, number = line.partition(" ")
                each[publisher] = max(each.get(publisher, 0), int(number) + 1)
            acknowledged += sum(each.values())
            missing += sum(max(count - received.get(publisher, 0), 0) for publisher, count in each.items())
            attacked.nodes.pop()
    return Outcome(
        f"{wanted} nodes killed, {acknowledged:,} messages acknowledged before, {missing} of them missing",
        ok=acknowledged >= wanted * 1_000 and not missing,
    )


def _kill(node: Server) -> None:
    import os
    import signal

    os.kill(node.pid, signal.SIGKILL)


ATTACKS = (
    Attack(
        "cluster-order",
        "three nodes, eight publishers, 200,000 messages: one order at all subscribers, 0 lost, 0 doubled",
        one_order,
        peers=False,
    ),
    Attack(
        "cluster-node-killed",
        "a node is killed while it publishes: every message that was acknowledged arrives at the others",
        killed,
        peers=False,
    ),
)
