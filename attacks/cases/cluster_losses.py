"""The broker of a cluster loses messages: each loss is in the journal of the node that lacks them."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from attacks.attack import Attack, Outcome, Settings
from attacks.cluster import Cluster, cluster, losses
from attacks.targets import Server

_REPORTED_WITHIN = 10.0
_LOG = "zefnb:zefnb:log"
_LOSE = 300

Lose = Callable[[Cluster, Settings], None]


@contextmanager
def _suspended(node: Server) -> Iterator[None]:
    os.kill(node.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(node.pid, signal.SIGCONT)


def _lossy(lose: Lose, server: Server, settings: Settings) -> Outcome:
    """A node cannot read while another one publishes and the broker loses the messages."""
    with cluster(2) as attacked:
        publisher, reader = attacked.nodes
        name = publisher.command("nodes")["nodes"]
        publisher.command("start_publishers", prefix="a", threads=1, count=100, most=10)
        publisher.command("stop_publishers", stop=False)
        reader.command("wait", count=100)
        with _suspended(reader):
            lose(attacked, settings)
        began = time.monotonic()
        published = publisher.command("published")["accepted"]
        total = 100 + sum(published.values())
        publisher.command("publish", content="end 0")
        reader.command("wait_for", publisher="end")
        found, expected = Counter[tuple[str, str]](), total - (reader.command("received")["count"] - 1)
        while found.total() < expected and time.monotonic() < began + _REPORTED_WITHIN:
            time.sleep(0.1)
            found = losses(reader)
        took = time.monotonic() - began
        received = reader.command("received")
    in_room = sum(count for (node, topic), count in found.items() if node in name and topic == "room")
    return Outcome(
        f"{expected:,} of {total:,} messages lost, {in_room:,} reported with publisher and topic within {took:.1f} s; "
        f"{received['doubled']} doubled, and the node continues",
        ok=in_room == expected > 0 and took < _REPORTED_WITHIN and not received["doubled"],
        details={"found": {" ".join(key): count for key, count in found.items()}},
    )


def _publish(attacked: Cluster, count: int, size: int = 0) -> None:
    node = attacked.nodes[0]
    node.command("start_publishers", prefix="b", threads=1, count=count, most=100, size=size)
    node.command("stop_publishers", stop=False, timeout=300)


def _wipe(attacked: Cluster, settings: Settings) -> None:
    _publish(attacked, _LOSE)
    attacked.broker.call("FLUSHALL")


def _evict(attacked: Cluster, settings: Settings) -> None:
    """Let the broker evict the log, by a limit of memory that other keys exceed."""
    broker = attacked.broker
    _publish(attacked, _LOSE)
    for setting in ("maxmemory-policy allkeys-lru", "maxmemory-samples 64"):
        broker.call(f"CONFIG SET {setting}")
    broker.call(f"CONFIG SET maxmemory {_memory(broker.call('INFO memory')) + (1 << 20)}")
    for number in range(4_000):
        broker.call(f"SETRANGE other:{number} 65536 x")
        if broker.call(f"EXISTS {_LOG}") == b":0\r\n":
            break
    broker.call("CONFIG SET maxmemory 0")


def _memory(info: bytes) -> int:
    return next(int(line[12:]) for line in info.decode().split() if line.startswith("used_memory:"))


def _trim(attacked: Cluster, settings: Settings) -> None:
    """Publish more than the log retains, and wait until it has been trimmed."""
    oldest, end = _oldest(attacked), time.monotonic() + 60
    _publish(attacked, settings.pick(100_000, 2_500), size=settings.pick(1_000, 40_000))
    while _oldest(attacked) == oldest:
        assert time.monotonic() < end, "the log is not trimmed"
        time.sleep(0.05)


def _oldest(attacked: Cluster) -> bytes:
    return attacked.broker.call(f"XRANGE {_LOG} - + COUNT 1").split(b"\r\n")[3]


def out_of_memory(server: Server, settings: Settings) -> Outcome:
    """The broker accepts nothing for some seconds: errors are true, and the nodes continue afterwards."""
    with cluster(2) as attacked:
        node, other = attacked.nodes
        node.command("start_publishers", prefix="a", threads=4)
        other.command("wait", count=100)
        attacked.broker.call("CONFIG SET maxmemory 1")
        time.sleep(settings.pick(5, 1))
        attacked.broker.call("CONFIG SET maxmemory 0")
        other.command("wait", count=other.command("flow")["count"] + 100)
        node.command("stop_publishers")
        attacked.publish_end()
        compared, received = node.command("compare"), other.command("received")
        reported = any("refuses messages" in text for text in node.command("journal")["messages"])
    refused, untrue = compared.get("not sent", 0), compared.get("untrue", 0) + compared.get("unclear", 0)
    missing = compared.get("missing", 0)
    return Outcome(
        f"{compared['accepted']:,} accepted, {missing} missing, {received['doubled']} doubled; {refused} not sent, "
        f"{untrue} of the errors untrue; in the journal: {reported}",
        ok=not missing and not received["doubled"] and refused > 0 and not untrue and reported,
    )


def _attack(name: str, promise: str, lose: Lose) -> Attack:
    def run(server: Server, settings: Settings) -> Outcome:
        return _lossy(lose, server, settings)

    text = f"{promise}: each loss is in the journal with topic, publisher and count within 10 s, and the node continues"
    return Attack(f"cluster-lost-{name}", text, run, peers=False)


ATTACKS = (
    _attack("wiped", "the broker is wiped before a node has read everything", _wipe),
    _attack("evicted", "the broker evicts the log before a node has read everything", _evict),
    _attack("behind", "a node is suspended until the log has been trimmed", _trim),
    Attack(
        "cluster-out-of-memory",
        "the broker is out of memory: 'not sent' is true, it is in the journal, and messages flow again afterwards",
        out_of_memory,
        peers=False,
    ),
)
