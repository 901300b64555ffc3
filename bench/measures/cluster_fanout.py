"""Fan-out in a cluster: 100 sockets on each of two nodes, and on one node that has not joined."""

from __future__ import annotations

import re
from contextlib import ExitStack
from dataclasses import replace

import redis

from attacks.brokers import Broker, broker
from bench.load import loading
from bench.machine import pin_all, processors, thread_seconds
from bench.measure import Entrant, Figure, Measure, Sample, Settings
from bench.systems import ZEFNB_NODE, Server, running
from bench.targets import Target
from zefnb.cluster.batch import TOPIC
from zefnb.cluster.entry import Entry

CLIENTS, SIZE = 100, 64
# Messages for each second that is wanted.
_RATE = 20_000
_COUNT_MOST = 100_000


def _nodes(entrant: Entrant, count: int, stack: ExitStack) -> list[Server]:
    """Start nodes. The last one has a processor for itself, as a server that is measured alone."""
    systems = [replace(entrant.system, name=f"{entrant.system.name}-{number}") for number in range(count)]
    nodes = [stack.enter_context(running(system)) for system in systems]
    for node in nodes[:-1]:
        pin_all(node.pid, {processors()[1]})
    return nodes


def _burst(nodes: list[Server], count: int) -> Sample:
    """Publish at the first node, and measure the last one: in a cluster it only reads and delivers."""
    with ExitStack() as stack:
        loads = [
            stack.enter_context(loading(node, "receive", clients=CLIENTS, size=SIZE, count=count, limit=60))
            for node in nodes
        ]
        for load in loads:
            load.wait_until_ready()
        last, thread = nodes[-1], int(nodes[-1].command("loop_thread")["thread"])
        before = thread_seconds(last.pid)[thread]
        begin = nodes[0].command("burst_to_sockets", count=count, size=SIZE)["begin"]
        found = [load.result() for load in loads]
        used = thread_seconds(last.pid)[thread] - before
    counted = {key: sum(each[key] for each in found) for key in ("lost", "doubled", "reordered", "garbled")}
    return {
        "cpu": used / count / CLIENTS * 1e6,
        "rate": count * CLIENTS / (found[-1]["last"] - begin),
        "lost": counted["lost"],
        "doubled": counted["doubled"],
        "wrong": counted["reordered"] + counted["garbled"],
    }


def _alone(entrant: Entrant, settings: Settings) -> Sample:
    with ExitStack() as stack:
        nodes = _nodes(entrant, 1, stack)
        _burst(nodes, 1_000)
        return {**_burst(nodes, _count(settings)), "stored": 1.0, "sent": 1.0}


def _joined(entrant: Entrant, settings: Settings) -> Sample:
    with broker() as made, ExitStack() as stack:
        pin_all(made.process.pid, {processors()[1]})
        nodes = _nodes(entrant, 2, stack)
        for node in nodes:
            node.command("join", url=made.url)
        _burst(nodes, 1_000)
        stored, size, sent = *_stored(made), _sent(made)
        sample, count = _burst(nodes, _count(settings)), _count(settings)
        sent = _sent(made) - sent
        stored_now, size_now = _stored(made)
    sample["stored"] = (stored_now - stored) / count
    sample["sent"] = sent / len(nodes) / (size_now - size)
    return sample


def _count(settings: Settings) -> int:
    return min(round(_RATE * settings.seconds), _COUNT_MOST)


def _stored(made: Broker) -> tuple[int, int]:
    """Return the number of messages to topics in the log, and the bytes of its entries."""
    with redis.Redis(unix_socket_path=str(made.socket), protocol=2) as connection:
        rows = connection.xrange("zefnb:zefnb:log")
    entries = [[part for field in fields.items() for part in field] for _, fields in rows]
    messages = sum(message.kind == TOPIC for fields in entries for message in Entry.of(fields).messages)
    return messages, sum(len(part) for fields in entries for part in fields)


def _sent(made: Broker) -> int:
    found = re.search(rb"total_net_output_bytes:(\d+)", made.call("INFO stats"))
    assert found is not None
    return int(found[1])


def _take(entrant: Entrant, settings: Settings) -> Sample:
    return (_joined if entrant.label == "joined" else _alone)(entrant, settings)


MEASURE = Measure(
    name="cluster-fanout",
    title=f"lists of 500 messages of {SIZE} bytes to {CLIENTS} sockets on each of two nodes, or on a server alone",
    entrants=(Entrant("joined", ZEFNB_NODE), Entrant("not joined", ZEFNB_NODE)),
    figures=(
        Figure("cpu", "CPU s/million", ratio=True),
        Figure("rate", "deliveries/s of a node", "count"),
        Figure("stored", "in the log"),
        Figure("sent", "sent to a node"),
        Figure("lost", "lost", "count", total=True),
        Figure("doubled", "doubled", "count", total=True),
        Figure("wrong", "order", "count", total=True),
    ),
    take=_take,
    targets=(
        Target("joined", "cpu", must=1.25, peer="not joined", less=True),
        Target("joined", "stored", must=1.01, less=True),
        Target("joined", "sent", must=1.1, less=True),
    ),
    note="CPU: the loop's thread, at the node that only reads; counted at the broker: times each message is in the log "
    "and, in bytes, is sent to each node",
)
