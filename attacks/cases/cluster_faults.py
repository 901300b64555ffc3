"""The broker of a cluster is killed, stopped, or behind a proxy that loses replies, while nodes publish."""

from __future__ import annotations

import time
from functools import partial

from attacks.attack import Attack, Outcome, Settings
from attacks.broker_proxy import CUT, HALVE, PASS, SWALLOW, BrokerProxy, broker_proxy
from attacks.brokers import broker
from attacks.cluster import Cluster, cluster, nodes
from attacks.probe import Probe
from attacks.targets import Server

_THREADS = (3, 3, 2)
_FLOW_TIMEOUT = 30.0


def _begin(attacked: Cluster) -> None:
    for name, node, threads in zip("abc", attacked.nodes, _THREADS, strict=False):
        node.command("start_publishers", prefix=name, threads=threads)
    _until_flowing(attacked)


def _until_flowing(attacked: Cluster) -> float:
    """Wait until each node has received 20 more messages; return the seconds that it took."""
    began = time.monotonic()
    for node, flow in zip(attacked.nodes, attacked.all("flow"), strict=True):
        node.command("wait", count=flow["count"] + 20, within=_FLOW_TIMEOUT)
    return time.monotonic() - began


def _judge(attacked: Cluster) -> tuple[str, bool]:
    """Stop all publishers, and compare their results with the messages that all nodes have received."""
    attacked.all("stop_publishers")
    attacked.publish_end()
    received, compared = attacked.all("received"), attacked.all("compare")
    orders = len({report["order"] for report in received})
    doubled = sum(report["doubled"] for report in received)
    sums = {key: sum(each.get(key, 0) for each in compared) for key in ("accepted", "missing", "not sent", "unknown")}
    untrue = sum(each.get("untrue", 0) + each.get("unclear", 0) for each in compared)
    slowest = max(each["slowest"] for each in compared)
    text = (
        f"{sums['accepted']:,} accepted, {sums['missing']} missing, {doubled} doubled, {orders} order; failed: "
        f"{sums['not sent']} not sent, {sums['unknown']} unknown, {untrue} of them untrue; longest {slowest:.1f} s"
    )
    return text, not sums["missing"] and not doubled and orders == 1 and not untrue and slowest < 10.5


def killed(server: Server, settings: Settings) -> Outcome:
    """Kill the broker again and again, and start it with its append-only file."""
    times, slowest = settings.pick(10, 2), 0.0
    with cluster(3) as attacked:
        _begin(attacked)
        for _ in range(times):
            attacked.broker.kill()
            attacked.broker.start()
            slowest = max(slowest, _until_flowing(attacked))
            time.sleep(settings.pick(1.0, 0.0))
        text, ok = _judge(attacked)
    return Outcome(f"{times} times; flowing again within {slowest:.2f} s; {text}", ok=ok and slowest < 2)


def stopped(seconds: int, server: Server, settings: Settings) -> Outcome:
    """Stop the broker for some seconds. A neighbour's topic that is not shared is measured before and meanwhile."""
    measured = min(seconds, settings.pick(8, 2))
    with cluster(2) as attacked:
        node = attacked.nodes[0]
        _begin(attacked)
        before = _p99(node, measured)
        attacked.broker.suspend()
        began = time.monotonic()
        meanwhile = _p99(node, measured)
        interrupted = attacked.nodes[1].command("interrupt")["seconds"]
        time.sleep(max(seconds - (time.monotonic() - began), 0))
        attacked.broker.resume()
        _until_flowing(attacked)
        text, ok = _judge(attacked)
    return Outcome(
        f"{text}; Ctrl-C after {interrupted * 1e3:.0f} ms; p99 of a topic that is not shared {meanwhile:.1f} ms, "
        f"before {before:.1f} ms",
        ok=ok and interrupted < 0.2 and meanwhile <= 1.5 * before,
    )


def _p99(node: Server, seconds: float) -> float:
    with Probe(node, ("chat",)) as probe:
        time.sleep(seconds)
    return probe.p99


def spoilt(mode: str, server: Server, settings: Settings) -> Outcome:
    """Spoil replies for a moment, again and again, beside a node that reaches the broker directly."""
    rounds, spoilt_replies = settings.pick(20, 2), 0
    with broker() as made, broker_proxy(made) as proxy, nodes(2) as started:
        attacked = Cluster(made, started)
        attacked.nodes[0].command("join", url=proxy.url)
        attacked.nodes[1].command("join", url=made.url)
        _begin(attacked)
        for number in range(rounds):
            _spoil(proxy, mode, 1 + number % 3)
            spoilt_replies += proxy.spoilt
            _until_flowing(attacked)
        text, ok = _judge(attacked)
    return Outcome(f"{spoilt_replies} replies in {rounds} rounds; {text}", ok=ok)


def _spoil(proxy: BrokerProxy, mode: str, count: int) -> None:
    """Spoil at least `count` replies."""
    end = time.monotonic() + _FLOW_TIMEOUT
    proxy.spoilt, proxy.mode = 0, mode
    while proxy.spoilt < count:
        assert time.monotonic() < end, "the proxy sees no replies"
        time.sleep(0.001)
    proxy.mode = PASS


ATTACKS = (
    Attack(
        "cluster-broker-killed",
        "the broker is killed ten times under load and started with its append-only file: every accepted message "
        "exactly once on every node, flowing again within 2 s after it replies",
        killed,
        peers=False,
    ),
    *(
        Attack(
            f"cluster-broker-stopped-{seconds}",
            f"the broker is stopped for {seconds} s under load: 0 doubled, errors are true within 10.5 s, "
            "Ctrl-C ends a wait within 0.2 s, p99 of topics that are not shared within 1.5 times",
            partial(stopped, seconds),
            peers=False,
            attempts=3,
        )
        for seconds in (2, 8, 30)
    ),
    *(
        Attack(
            f"cluster-proxy-{mode}",
            f"a proxy {verb} replies of the broker under load: 0 doubled, and errors are true",
            partial(spoilt, mode),
            peers=False,
        )
        for mode, verb in ((CUT, "cuts off"), (HALVE, "halves"), (SWALLOW, "swallows"))
    ),
)
