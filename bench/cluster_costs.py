"""`python -m bench.cluster_costs`: the costs of a message for the broker, its publisher and each node that reads it.

Processor time and bytes, not rates: they depend less on what else runs on the machine. `docs/cluster-scale.md` has a
measurement, and the estimates that follow from it.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from zefnb.cluster.private_broker import find_program

_START = 30.0
_MICRO = 1e6


class Case(NamedTuple):
    """Messages of `size` bytes, alone or in bursts, and nodes that read the log with and without subscribers."""

    count: int
    size: int
    burst: int
    readers: int
    subscribers: int


class Costs(NamedTuple):
    """The costs of one message in microseconds of a processor and in bytes; `entries` is the count in an entry."""

    case: Case
    entries: float
    broker: float
    publisher: float
    reader: float
    subscriber: float
    bytes_in: float
    bytes_out: float
    memory: float


CASES = (
    Case(2_000, 100, 1, 1, 0),
    Case(2_000, 100, 1, 4, 0),
    Case(100_000, 100, 100, 1, 1),
    Case(100_000, 100, 100, 4, 0),
    Case(20_000, 1_000, 100, 1, 1),
    Case(4_000, 10_000, 100, 1, 1),
    Case(4_000, 10_000, 100, 4, 0),
)


class Broker:
    """A Valkey of its own, on a Unix socket."""

    def __init__(self) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="zb-"))
        self._socket = self._directory / "s"
        settings = ("--port", "0", "--unixsocket", str(self._socket), "--dir", str(self._directory), "--save", "")
        log = ("--logfile", str(self._directory / "log"))
        self._process = subprocess.Popen([find_program(), *settings, "--appendonly", "yes", *log])
        deadline = time.monotonic() + _START
        while not self._socket.exists():
            if time.monotonic() > deadline:
                raise TimeoutError("the broker did not start")
            time.sleep(0.01)

    @property
    def url(self) -> str:
        """Its url."""
        return f"unix://{self._socket}"

    def numbers(self) -> dict[str, float]:
        """Its processor time in seconds, the bytes it has received and sent, and the size of the log."""
        text = self._call("INFO")
        found = {name: float(value) for name, value in re.findall(r"^(\w+):(\d+(?:\.\d+)?)\r?$", text, re.M)}
        memory = re.search(r":(\d+)", self._call("MEMORY USAGE zefnb:zefnb:log SAMPLES 0"))
        length = re.search(r":(\d+)", self._call("XLEN zefnb:zefnb:log"))
        return {
            "cpu": found["used_cpu_user"] + found["used_cpu_sys"],
            "in": found["total_net_input_bytes"],
            "out": found["total_net_output_bytes"],
            "memory": float(memory[1]) if memory else 0.0,
            "entries": float(length[1]) if length else 0.0,
        }

    def _call(self, command: str) -> str:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self._socket))
            connection.sendall(f"{command}\r\n".encode())
            reply = connection.recv(1 << 20)
            if reply.startswith(b"$"):
                head, _, rest = reply.partition(b"\r\n")
                while len(rest) < int(head[1:]):
                    rest += connection.recv(1 << 20)
                return rest.decode()
            return reply.decode()

    def close(self) -> None:
        """End it, and remove its files."""
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._directory)


class Node:
    """A process that has joined; see `bench.cluster_node`."""

    def __init__(self, url: str, role: str, case: Case) -> None:
        arguments = (url, role, str(case.count), str(case.size), str(case.burst))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.cluster_node", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def read(self) -> dict[str, float]:
        """Return the next numbers that it prints."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                found: dict[str, float] = json.loads(line)
                return found
        raise RuntimeError("a node has ended")

    def go(self) -> None:
        """Let it begin."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def close(self) -> None:
        """Let it leave and end."""
        self._process.communicate("\n", timeout=60)


def measured(case: Case) -> Costs:
    """Run one case."""
    broker = Broker()
    nodes: list[Node] = []
    try:
        nodes += [Node(broker.url, "read", case) for _ in range(case.readers)]
        nodes += [Node(broker.url, "subscribe", case) for _ in range(case.subscribers)]
        publisher = Node(broker.url, "publish", case)
        nodes.append(publisher)
        for node in nodes:
            node.read()  # it has joined
        before = broker.numbers()
        for node in nodes:
            node.go()
        cpu = [node.read()["cpu"] for node in nodes]
        after = broker.numbers()
    finally:
        for node in nodes:
            node.close()
        broker.close()
    grown = {name: after[name] - before[name] for name in after}
    count, readers = case.count, cpu[: case.readers]
    subscribers = cpu[case.readers : -1]
    return Costs(
        case,
        count / grown["entries"],
        grown["cpu"] / count * _MICRO,
        cpu[-1] / count * _MICRO,
        sum(readers) / len(readers) / count * _MICRO,
        sum(subscribers) / len(subscribers) / count * _MICRO if subscribers else float("nan"),
        grown["in"] / count,
        grown["out"] / count / len(nodes),
        grown["memory"] / count,
    )


def main() -> None:
    """Measure all cases, and print a row for each."""
    parser = argparse.ArgumentParser(prog="python -m bench.cluster_costs", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how many times (3); each figure is the median")
    rounds = parser.parse_args().rounds
    print(
        "| bytes | at once | in an entry | nodes | broker | publisher | reader | subscriber | bytes in | out | kept |"
    )
    print("|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    for case in CASES:
        found = [measured(case) for _ in range(rounds)]
        columns = list(zip(*(each[1:] for each in found), strict=True))
        middle = [sorted(column)[len(column) // 2] for column in columns]
        spread = [f"{sorted(column)[0]:.3g}-{sorted(column)[-1]:.3g}" for column in columns[1:4]]
        figures = [f"{value:.3g}" for value in middle]
        figures[1:4] = [f"{figure} ({least})" for figure, least in zip(figures[1:4], spread, strict=True)]
        nodes = case.readers + case.subscribers + 1
        print(f"| {case.size:,} | {case.burst} | {figures[0]} | {nodes} | {' | '.join(figures[1:])} |", flush=True)


if __name__ == "__main__":
    main()
