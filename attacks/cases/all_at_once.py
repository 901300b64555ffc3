"""A cell that publishes a long list with one effect, while clients read and others use the server."""

from __future__ import annotations

import threading
import time

from attacks.attack import Attack, Outcome, Settings
from attacks.probe import Probe
from attacks.targets import Server, memory
from attacks.wire import connect
from bench.servers.control import numbered_messages

_SIZE = 64


def publish_all(server: Server, settings: Settings) -> Outcome:
    """One client counts what arrives, and another never reads."""
    count = settings.pick(500_000, 50_000)
    expected, wrong = numbered_messages(count, _SIZE), []
    with connect(server, "/feed") as reader, connect(server, "/feed"), Probe(server, ("echo", "chat")) as probe:
        before = memory(server)
        began = time.monotonic()
        command = threading.Thread(target=server.command, args=("publish_all",), kwargs={"count": count, "size": _SIZE})
        command.start()
        for message in expected:
            if reader.read().payload != message.encode():
                wrong.append(message)
        took = time.monotonic() - began
        command.join()
        grown = (memory(server) - before) / 1e6
    return Outcome(
        f"{count:,} messages in {took:.1f} s, {len(wrong):,} not in order; server +{grown:.1f} MB with the list; worst "
        f"of others {probe}",
        ok=not wrong and probe.worst <= 50 and grown <= 40 + count * (_SIZE + 60) / 1e6,
        details={"grown": grown, "worst": probe.worst},
    )


ATTACKS = (
    Attack(
        "publish-all",
        "500,000 messages with one `FX.PublishAll` beside a client that never reads: all arrive in order, at most 40 "
        "MB beside the list itself, worst delay of others 50 ms",
        publish_all,
        quick=True,
        peers=False,
        attempts=3,
    ),
)
