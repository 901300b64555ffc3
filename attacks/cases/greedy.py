"""Clients that send small frames without end, and the delays of new and other clients."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial

from attacks.attack import Attack, Outcome, Settings
from attacks.probe import Probe
from attacks.targets import Server
from attacks.wire import CONT, PING, PONG, Wire, connect, frame

_BLOCK = 8_000
# The bytes that are sent repeatedly, and the path.
_BLOCKS = {
    "pongs": ("/echo", frame(b"", PONG) * _BLOCK),
    "pings": ("/echo", frame(b"", PING) * _BLOCK),
    "fragments": ("/echo", (frame("x", fin=False) + frame("", CONT, fin=False) * 3_998 + frame("", CONT)) * 2),
    "pings-and-text": ("/crowd", (frame(b"", PING) + frame("t")) * (_BLOCK // 2)),
    "topic": ("/crowd", frame("t") * _BLOCK),
    "actor": ("/echo", frame("t") * _BLOCK),
    "inline": ("/echo-inline", frame("t") * _BLOCK),
    "async": ("/echo-async", frame("t") * _BLOCK),
}


class Greedy(threading.Thread):
    """A client that sends its block again and again and reads nothing; it reconnects when its connection is lost."""

    def __init__(self, server: Server, kind: str) -> None:
        super().__init__(daemon=True)
        self._server = server
        self._path, self._block = _BLOCKS[kind]
        self._over = threading.Event()
        self.blocks = 0
        self.start()

    def run(self) -> None:
        while not self._over.is_set():
            with suppress(AssertionError, OSError), connect(self._server, self._path) as wire:
                self._send(wire)

    def _send(self, wire: Wire) -> None:
        wire.socket.settimeout(0.1)
        rest = memoryview(self._block)
        while not self._over.is_set():
            with suppress(TimeoutError):
                rest = rest[wire.socket.send(rest) :]
            if not rest:
                rest = memoryview(self._block)
                self.blocks += 1

    def end(self) -> None:
        self._over.set()
        self.join(30)


@contextmanager
def greedy(server: Server, kind: str, count: int) -> Iterator[list[Greedy]]:
    """Run `count` of them during the block."""
    with ExitStack() as stack:
        crowd = [Greedy(server, kind) for _ in range(count)]
        for each in crowd:
            stack.callback(each.end)
        yield crowd


def sends_without_end(kind: str, count: int, server: Server, settings: Settings) -> Outcome:
    with Probe(server) as probe, greedy(server, kind, count) as crowd:
        time.sleep(settings.pick(4, 2))
        times = {name: sorted(taken) for name, taken in probe.times.items()}
        blocks = [each.blocks for each in crowd]
    newcomer = times["handshake"][-1] - probe.machine_worst
    p99 = max(times[name][len(times[name]) * 99 // 100] for name in ("echo", "chat")) - probe.machine_p99
    return Outcome(
        f"a new client is accepted within {newcomer:.0f} ms, neighbours' p99 {p99:.1f} ms "
        f"(beyond the machine's own {probe.machine_worst:.0f} and {probe.machine_p99:.1f} ms); "
        f"{sum(blocks) * _BLOCK / 1e3:,.0f} k frames were accepted of {count}",
        ok=newcomer <= 100 and p99 <= 20,
        details={"newcomer": newcomer, "p99": p99, "blocks": blocks},
    )


_PROMISE = (
    "sends blocks of 8,000 {}, again and again, and reads nothing: new clients within 100 ms, p99 of neighbours 20 ms"
)

ATTACKS = tuple(
    Attack(
        f"greedy-{kind}{'-ten' * (count > 1)}",
        ("a client " if count == 1 else f"each of {count} clients ") + _PROMISE.format(kind.replace("-", " ")),
        partial(sends_without_end, kind, count),
        quick=(count > 1 and kind in ("pongs", "inline")) or kind == "fragments",
        peers=False,
        attempts=3,
    )
    for kind in _BLOCKS
    for count in (1, 10)
)
