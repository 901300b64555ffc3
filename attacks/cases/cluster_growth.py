"""Growth in a cluster: the log while more is published than it retains, and the cost of idle nodes."""

from __future__ import annotations

import re
import time

from attacks.attack import Attack, Outcome, Settings
from attacks.brokers import Broker
from attacks.cluster import cluster
from attacks.targets import Server
from bench.machine import cpu_seconds

_LOG = "zefnb:zefnb:log"
_MOST_LOG = (64 << 20) * 1.2
_SIZE = 1_000
_MOST_IDLE = 0.01


def _log_bytes(made: Broker) -> int:
    reply = made.call(f"MEMORY USAGE {_LOG} SAMPLES 0")
    found = re.match(rb":(\d+)", reply)
    return int(found[1]) if found else 0


def log_bounded(server: Server, settings: Settings) -> Outcome:
    """Publish several times as much as the log retains, and check its memory four times a second."""
    threads, count = 2, settings.pick(150_000, 10_000)
    total, most = threads * count, 0
    with cluster(1) as attacked:
        (node,) = attacked.nodes
        began = time.monotonic()
        node.command("start_publishers", prefix="a", threads=threads, count=count, most=500, size=_SIZE)
        end = began + 240
        while (done := node.command("flow")["count"]) < total and time.monotonic() < end:
            most = max(most, _log_bytes(attacked.broker))
            time.sleep(0.25)
        took = time.monotonic() - began
    return Outcome(
        f"{done:,} messages of {_SIZE:,} bytes in {took:.0f} s: the log had at most {most / 1e6:.0f} MB",
        ok=done >= total and 0 < most <= _MOST_LOG,
    )


def idle(server: Server, settings: Settings) -> Outcome:
    """Join nodes that do nothing, and measure the processor time of each."""
    seconds, shares = settings.pick(10.0, 4.0), {}
    for count in (2, 6):
        with cluster(count) as attacked:
            time.sleep(3)  # the joins of the others
            before = [cpu_seconds(node.pid) for node in attacked.nodes]
            time.sleep(seconds)
            used = [cpu_seconds(node.pid) - cpu for node, cpu in zip(attacked.nodes, before, strict=True)]
            shares[count] = [cpu / seconds for cpu in used]
    texts = [
        f"{count} nodes: {sum(found) / count:.2%} each, at most {max(found):.2%}" for count, found in shares.items()
    ]
    return Outcome("; ".join(texts), ok=max(map(max, shares.values())) < _MOST_IDLE)


ATTACKS = (
    Attack(
        "cluster-growth-log",
        "300 MB are published: the log has at most 64 MiB and 20 % at any time",
        log_bounded,
        peers=False,
    ),
    Attack(
        "cluster-growth-idle",
        "an idle node takes less than 1 % of a processor, with 2 nodes and with 6",
        idle,
        peers=False,
    ),
)
