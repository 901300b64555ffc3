"""A cluster under attack: a broker, and nodes in processes of their own."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from attacks.brokers import Broker, broker
from attacks.targets import Server, System, running

_LOST = re.compile(r"([\d,]+) messages of (\S+) were lost before this node read them(?:, of topic '(.*)'|; )")


@dataclass
class Cluster:
    """The broker and the nodes. A command is given to all nodes at once."""

    broker: Broker
    nodes: list[Server]

    def all(self, do: str, timeout: float = 90, **arguments: Any) -> list[dict[str, Any]]:
        """Give a command to all nodes, and return the replies."""
        for node in self.nodes:
            node.order(do, **arguments)
        return [node.reply(do, timeout) for node in self.nodes]

    def publish_end(self, within: float = 60.0) -> None:
        """Publish a last message, and wait until all nodes have received it: then they have received all before it."""
        self.nodes[0].command("publish", content="end 0")
        self.all("wait_for", publisher="end", within=within, timeout=within + 10)


@contextmanager
def cluster(count: int, url: str = "") -> Iterator[Cluster]:
    """A broker and joined nodes during the block. `url` is another way to the broker."""
    with broker() as made, nodes(count) as started:
        found = Cluster(made, started)
        found.all("join", url=url or made.url)
        yield found


@contextmanager
def nodes(count: int) -> Iterator[list[Server]]:
    """Nodes that have not joined, during the block."""
    with ExitStack() as stack, ThreadPoolExecutor(count) as pool:
        systems = [
            System(f"node-{n}", module="attacks.servers.zefnb_node", needs=("zefnb", "redis")) for n in range(count)
        ]
        contexts = [running(system, everywhere=True) for system in systems]
        started = list(pool.map(lambda context: context.__enter__(), contexts))
        for context in contexts:
            stack.push(context.__exit__)
        yield started


def losses(node: Server) -> Counter[tuple[str, str]]:
    """Return the number of lost messages of each publisher and topic in the journal of a node."""
    found: Counter[tuple[str, str]] = Counter()
    journal = node.command("journal")
    for message, count in zip(journal["messages"], journal["counts"], strict=True):
        if match := _LOST.search(message):
            found[match[2], match[3] or ""] += int(match[1].replace(",", "")) * count
    return found
