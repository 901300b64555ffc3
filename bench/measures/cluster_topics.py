"""The cost of a message in a cluster by the number of shared topics."""

from __future__ import annotations

from bench.machine import cpu_seconds
from bench.measure import Entrant, Figure, Measure, Sample, Settings
from bench.measures.cluster import two_nodes
from bench.systems import ZEFNB_NODE
from bench.targets import Target

SIZE = 64
# Messages for each second that is wanted, and before the measurement.
_RATE, _WARM = 20_000, 2_000


def _take(entrant: Entrant, settings: Settings) -> Sample:
    count = max(round(_RATE * settings.seconds), 500) // 500 * 500
    with two_nodes(entrant) as (sender, receiver):
        receiver.command("subscribe", topics=entrant.clients)
        for number in (_WARM, count):
            before = [cpu_seconds(node.pid) for node in (sender, receiver)]
            sender.command("burst_around", count=number, size=SIZE, topics=entrant.clients)
            receiver.command("wait", count=number)
            used = [cpu_seconds(node.pid) - begin for node, begin in zip((sender, receiver), before, strict=True)]
    sent, received = (each / count * 1e6 for each in used)
    return {"cpu": sent + received, "sent": sent, "received": received}


MEASURE = Measure(
    name="cluster-topics",
    title=f"lists of 500 messages of {SIZE} bytes from node to node, to shared topics in turn, each with a subscriber",
    entrants=tuple(Entrant(f"{n:,} topic{'s' * (n > 1)}", ZEFNB_NODE, clients=n) for n in (1, 1_000)),
    figures=(
        Figure("cpu", "CPU s/million", ratio=True),
        Figure("sent", "of the publisher"),
        Figure("received", "of the subscriber"),
    ),
    take=_take,
    targets=(Target("1,000 topics", "cpu", must=1.2, peer="1 topic", less=True),),
)
