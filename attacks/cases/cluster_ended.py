"""The broker of a cluster ends under full load: bounded memory, paused sockets, and no accepted message is lost."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack, suppress

from attacks.attack import Attack, Outcome, Settings
from attacks.cluster import cluster
from attacks.peak import Peak
from attacks.targets import Server
from attacks.wire import Wire, connect, frame

_PUSHERS = 4
_SIZE = 200
_MOST_GROWTH = 80 << 20
# Seconds for all messages that have waited, and those that follow them, on a machine with other load.
_DRAIN = 300.0


class Pusher(threading.Thread):
    """A client that sends numbered messages as fast as the node reads them."""

    def __init__(self, wire: Wire, name: str) -> None:
        super().__init__(daemon=True)
        self._wire, self._name = wire, name
        self.count = 0
        self.over = False
        wire.socket.settimeout(0.05)

    def run(self) -> None:
        while not self.over:
            numbers = range(self.count, self.count + 50)
            rest = memoryview(b"".join(frame(f"{self._name} {n}{'.' * _SIZE}") for n in numbers))
            while rest:
                with suppress(TimeoutError):
                    rest = rest[self._wire.socket.send(rest) :]
            self.count += 50


def ended(server: Server, settings: Settings) -> Outcome:
    """Kill the broker while clients push and threads publish; start it later."""
    seconds = settings.pick(60, 4)
    with cluster(2) as attacked, ExitStack() as stack:
        node, other = attacked.nodes
        wires = [stack.enter_context(connect(node, "/pushed")) for _ in range(_PUSHERS)]
        pushers = [Pusher(wire, f"p{number}") for number, wire in enumerate(wires)]
        for pusher in pushers:
            pusher.start()
        node.command("start_publishers", prefix="a", threads=8)
        other.command("wait", count=100)
        peak = Peak(node)
        attacked.broker.kill()
        time.sleep(seconds * 3 / 4)
        before = sum(pusher.count for pusher in pushers)
        time.sleep(seconds / 4)
        meanwhile = sum(pusher.count for pusher in pushers) - before
        grown = peak.grown
        attacked.broker.start()
        flow = other.command("flow")["count"]
        flowing = other.command("wait", count=flow + 20, within=_DRAIN, timeout=_DRAIN + 10)["seconds"]
        for pusher in pushers:
            pusher.over = True
        for pusher in pushers:
            pusher.join(_DRAIN)
        node.command("stop_publishers", timeout=_DRAIN)
        attacked.publish_end(_DRAIN)
        pushed = sum(pusher.count for pusher in pushers)
        attacked.all("wait", count=pushed, topic="pushed", within=_DRAIN, timeout=_DRAIN + 10)
        reports = [each for topic in ("room", "pushed") for each in attacked.all("received", topic=topic)]
        compared = node.command("compare")
    doubled, unordered = (sum(each["doubled"] for each in reports), sum(len(each["unordered"]) for each in reports))
    missing, untrue = compared.get("missing", 0), compared.get("untrue", 0)
    return Outcome(
        f"+{grown / 1e6:.0f} MB in {seconds} s; {meanwhile} messages read in the last quarter; flowing again after "
        f"{flowing:.1f} s; {pushed:,} pushed and {compared['accepted']:,} published, {missing} missing, {doubled} "
        f"doubled, {unordered} clients out of order, {untrue} errors untrue",
        ok=grown <= _MOST_GROWTH and not meanwhile and not missing and not doubled and not unordered and not untrue,
    )


ATTACKS = (
    Attack(
        "cluster-broker-ended",
        "the broker has ended for 60 s under full load: at most 80 MB more, the sockets that push are paused, and "
        "afterwards no accepted message is lost",
        ended,
        peers=False,
    ),
)
