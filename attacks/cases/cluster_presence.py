"""Presence in a cluster: a node that is killed, and nodes that are suspended for longer than their lease."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack

from websockets.sync.client import ClientConnection, connect

from attacks.attack import Attack, Outcome, Settings
from attacks.cluster import Cluster, cluster
from attacks.targets import Server

_CLIENTS = 20
_LIMIT = 12.0


def killed(server: Server, settings: Settings) -> Outcome:
    """Kill a node with clients. At the others they leave in time, each once."""
    rounds, slowest, wrong = settings.pick(5, 1), 0.0, 0
    for _ in range(rounds):
        with cluster(3) as attacked, ExitStack() as stack:
            staying, going = _connected(attacked, stack)
            os.kill(attacked.nodes[2].pid, signal.SIGKILL)
            began = time.monotonic()
            attacked.nodes.pop()
            _until(lambda attacked=attacked, staying=staying: _all_have(attacked, staying))
            slowest = max(slowest, time.monotonic() - began)
            for node in attacked.nodes:
                left = node.command("present")["left"]
                wrong += sum(left.get(id, 0) != 1 for id in going) + sum(left.get(id, 0) for id in staying)
    return Outcome(
        f"{rounds} nodes killed: their {_CLIENTS} clients left within {slowest:.1f} s, {wrong} of them not once",
        ok=slowest < _LIMIT and not wrong,
    )


def suspended(server: Server, settings: Settings) -> Outcome:
    """Suspend nodes for longer than their lease, all at once; meanwhile half of their clients end."""
    rounds, nodes, wrong = settings.pick(10, 1), settings.pick(10, 1), 0
    with cluster(2 + nodes) as attacked:
        for _ in range(rounds):
            with ExitStack() as stack:
                wrong += _suspended_once(attacked, stack)
            _until(lambda: _all_have(attacked, set()))
    return Outcome(
        f"{nodes} nodes suspended {rounds} times until their clients had left: {wrong} stale clients", ok=not wrong
    )


def _suspended_once(attacked: Cluster, stack: ExitStack) -> int:
    targets = attacked.nodes[2:]
    staying, _ = _connected(attacked, stack, clients=0)
    connections = [_connect(target, stack) for target in targets for _ in range(_CLIENTS)]
    _until(lambda: all(len(report["ids"]) == len(staying) + len(connections) for report in attacked.all("present")))
    for target in targets:
        os.kill(target.pid, signal.SIGSTOP)
    try:
        others = Cluster(attacked.broker, attacked.nodes[:2])
        _until(lambda: _all_have(others, staying))
        for connection in connections[::2]:
            connection.socket.close()
    finally:
        for target in targets:
            os.kill(target.pid, signal.SIGCONT)
    expected = len(staying) + len(connections) // 2
    _until(lambda: all(len(report["ids"]) == expected for report in attacked.all("present")))
    time.sleep(3.0)  # the next heartbeats change nothing
    found = [set(report["ids"]) for report in attacked.all("present")]
    return sum(len(ids ^ found[0]) for ids in found) + abs(len(found[0]) - expected)


def _connected(attacked: Cluster, stack: ExitStack, clients: int = _CLIENTS) -> tuple[set[str], set[str]]:
    """Connect clients to each node. Returns the ids of those of the first two nodes, and of the third."""
    for node in attacked.nodes[:2]:
        _connect(node, stack)
    _until(lambda: all(len(report["ids"]) == 2 for report in attacked.all("present")))
    staying = set(attacked.nodes[0].command("present")["ids"])
    for _ in range(clients):
        _connect(attacked.nodes[2], stack)
    _until(lambda: all(len(report["ids"]) == 2 + clients for report in attacked.all("present")))
    return staying, set(attacked.nodes[0].command("present")["ids"]) - staying


def _connect(node: Server, stack: ExitStack) -> ClientConnection:
    url = f"ws://127.0.0.1:{node.port}/present"
    return stack.enter_context(connect(url, open_timeout=30, close_timeout=0.1))


def _all_have(attacked: Cluster, wanted: set[str]) -> bool:
    return all(set(report["ids"]) == wanted for report in attacked.all("present"))


def _until(is_so: Callable[[], bool], within: float = 40.0) -> None:
    end = time.monotonic() + within
    while not is_so():
        assert time.monotonic() < end, f"not so within {within:.0f} s"
        time.sleep(0.05)


ATTACKS = (
    Attack(
        "cluster-presence-killed",
        "the clients of a killed node vanish everywhere within 12 s, one ET.ClientLeft each",
        killed,
        peers=False,
    ),
    Attack(
        "cluster-presence-suspended",
        "nodes that were suspended for longer than their lease return without stale clients, ten at once, ten times",
        suspended,
        peers=False,
    ),
)
