"""A database of a cluster: nodes that change one key at once, also while the broker is killed."""

from __future__ import annotations

import time

from attacks.attack import Attack, Outcome, Settings
from attacks.cluster import Cluster, cluster
from attacks.targets import Server


def no_lost_change(server: Server, settings: Settings) -> Outcome:
    """Four nodes change one key from several threads each."""
    threads, count = 4, settings.pick(2_500, 25)
    total = 4 * threads * count
    with cluster(4) as attacked:
        began = time.monotonic()
        attacked.all("start_changers", threads=threads, count=count)
        reports = attacked.all("stop_changers", timeout=1_800)
        took = time.monotonic() - began
        value = attacked.nodes[0].command("stop_changers")["value"]
    failed = sum(report["failed"] for report in reports)
    return Outcome(
        f"{total:,} changes by 4 nodes: the value is {value:,}, {failed} failed ({total / took:,.0f} a second)",
        ok=value == total and not failed,
    )


def broker_killed(server: Server, settings: Settings) -> Outcome:
    """Kill the broker again and again while four nodes change one key, and start it with its append-only file."""
    times, count = settings.pick(10, 2), settings.pick(1_000, 100)
    with cluster(4) as attacked:
        attacked.all("start_changers", threads=2, count=count)
        for number in range(times):
            _until_acknowledged(attacked, 8 * count * (number + 1) // (times + 2))
            attacked.broker.kill()
            attacked.broker.start()
        reports = attacked.all("stop_changers", timeout=1_800)
        value = attacked.nodes[0].command("stop_changers")["value"]
    accepted, unknown = (sum(report[name] for report in reports) for name in ("accepted", "unknown"))
    return Outcome(
        f"killed {times} times: {accepted:,} acknowledged, {unknown} with an unknown outcome, the value is {value:,}",
        ok=accepted <= value <= accepted + unknown,
    )


def _until_acknowledged(attacked: Cluster, count: int) -> None:
    end = time.monotonic() + 600
    while sum(report["count"] for report in attacked.all("acknowledged")) < count:
        assert time.monotonic() < end, f"{count:,} changes were not acknowledged within 600 s"
        time.sleep(0.01)


ATTACKS = (
    Attack(
        "cluster-database",
        "four nodes with 10,000 changes each of one key lose none",
        no_lost_change,
        peers=False,
    ),
    Attack(
        "cluster-database-killed",
        "the broker is killed while four nodes change one key: no acknowledged change is lost or made twice",
        broker_killed,
        peers=False,
    ),
)
