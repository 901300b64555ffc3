"""Handshakes that do not come: slow ones, silence, and connections kept alive for nothing."""

from __future__ import annotations

import contextlib
import resource
import selectors
import socket
import statistics
import threading
import time
from functools import partial

from faults.attack import Attack, Broken, Outcome, Settings
from faults.victims import Server
from faults.wire import connect, frame, handshake

DRIPS_PER_SECOND = 20
# What it may take until the attacker notices.
TO_NOTICE = 0.5
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Crowd(threading.Thread):
    """Connections that say `start` and then a byte each second, if at all, until they are cut."""

    def __init__(self, server: Server, count: int, start: bytes, drip: bytes) -> None:
        super().__init__(daemon=True)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 2 * count + 1_000)), hard))
        self.begun: dict[socket.socket, float] = {}
        self.cut: list[float] = []
        self.let_in = 0
        self._drip = drip
        self._end = threading.Event()
        for _ in range(count):
            each = socket.create_connection(("127.0.0.1", server.port), timeout=10)
            self.begun[each] = time.monotonic()
            each.sendall(start)
            each.setblocking(False)

    def run(self) -> None:
        with selectors.DefaultSelector() as selector:
            for each in self.begun:
                selector.register(each, selectors.EVENT_READ)
            turn = 0
            while selector.get_map() and not self._end.is_set():
                for key, _ in selector.select(1 / DRIPS_PER_SECOND):
                    self._hear(selector, key.fileobj)  # type: ignore[arg-type]
                self._drip_on(selector, turn)
                turn += 1

    def _hear(self, selector: selectors.BaseSelector, each: socket.socket) -> None:
        try:
            came = each.recv(65_536)
        except ConnectionError:
            came = b""
        self.let_in += came.startswith(b"HTTP/1.1 101")
        if not came:
            self.cut.append(time.monotonic() - self.begun[each])
            selector.unregister(each)
            each.close()

    def _drip_on(self, selector: selectors.BaseSelector, turn: int) -> None:
        if not self._drip:
            return
        at = turn // DRIPS_PER_SECOND
        for number, key in enumerate(list(selector.get_map().values())):
            if number % DRIPS_PER_SECOND == turn % DRIPS_PER_SECOND:
                with contextlib.suppress(OSError):
                    key.fileobj.send(self._drip[at : at + 1])  # type: ignore[union-attr]

    def go(self) -> None:
        """Leave, however many are left."""
        self._end.set()
        self.join()
        for each in self.begun:
            each.close()


def newcomer(server: Server) -> float:
    """Seconds that it takes to connect, to shake hands and to be heard."""
    begun = time.perf_counter()
    with connect(server) as wire:
        wire.send(frame("room?"))
        if wire.read().payload != b"room?":
            raise Broken("a newcomer was not heard")
        return time.perf_counter() - begun


def newcomers(server: Server, count: int, pause: float) -> float:
    """The median of so many."""
    times = []
    for _ in range(count):
        times.append(newcomer(server))
        time.sleep(pause)
    return statistics.median(times)


def crowd(count: int, start: bytes, drip: bytes, within: float, server: Server, settings: Settings) -> Outcome:
    """They hold on for as long as they are let; meanwhile others come, and are served."""
    count = settings.pick(count, count // 10)
    newcomers(server, 10, 0)
    before = newcomers(server, 30, 0.01)
    attackers = Crowd(server, count, start, drip)
    attackers.start()
    meanwhile = newcomers(server, 30, 0.08)
    attackers.join(within + 10)
    left = count - len(attackers.cut)
    attackers.go()
    worst = max(attackers.cut, default=0.0)
    slower = meanwhile / before
    figure = f"{len(attackers.cut):,} of {count:,} cut, the last after {worst:.2f} s; {attackers.let_in} let in; "
    return Outcome(
        figure + f"a newcomer takes {slower:.2f} times as long ({meanwhile * 1e3:.1f} ms)",
        ok=left == 0 and not attackers.let_in and worst <= within + TO_NOTICE and slower <= 2,
        details={"left": left, "worst": worst, "slower": slower, "let_in": attackers.let_in},
    )


def _attack(name: str, who: str, count: int, start: bytes, drip: bytes = b"", within: float = 5) -> Attack:
    return Attack(
        name=f"handshakes-{name}",
        promise=f"{count:,} {who}: each cut within {within:.0f} s, a newcomer at most twice as slow meanwhile",
        run=partial(crowd, count, start, drip, within),
        quick=within <= 5,
        peers=within <= 5,
        attempts=3,
    )


ATTACKS = (
    _attack("slow", "handshakes of a byte each second", 1_000, handshake()[:20], handshake()[20:]),
    _attack("silent", "silent connections", 200, b""),
    _attack("idle", "connections kept alive after a request and silent since", 200, REQUEST, within=30),
)
