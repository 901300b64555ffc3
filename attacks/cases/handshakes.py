"""Handshakes that never complete: slow ones, silence, and idle connections."""

from __future__ import annotations

import contextlib
import multiprocessing
import resource
import selectors
import socket
import statistics
import time
from functools import partial
from multiprocessing.connection import Connection

from attacks.attack import Attack, Broken, Outcome, Settings
from attacks.targets import Server
from attacks.wire import connect, frame, handshake
from bench import machine

DRIPS_PER_SECOND = 20
# The pause between new clients, always the same: a processor that has slept is slower at first.
PAUSE = 0.08
# The time until the attacker notices.
TO_NOTICE = 0.5
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Crowd:
    """Connections that send `start` and then at most a byte each second, until they are cut."""

    def __init__(self, port: int, count: int, start: bytes, drip: bytes) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 2 * count + 1_000)), hard))
        self.begun: dict[socket.socket, float] = {}
        self.cut: list[float] = []
        self.let_in = 0
        self._drip = drip
        self._selector = selectors.DefaultSelector()
        for _ in range(count):
            each = socket.create_connection(("127.0.0.1", port), timeout=10)
            self.begun[each] = time.monotonic()
            each.sendall(start)
            each.setblocking(False)
            self._selector.register(each, selectors.EVENT_READ)
            # The first may be cut while the last are still connecting.
            self._hear(0)

    def hold_on(self, within: float) -> None:
        """Wait until all are cut, or for `seconds`."""
        end = time.monotonic() + within
        turn = 0
        while self._selector.get_map() and time.monotonic() < end:
            self._hear(1 / DRIPS_PER_SECOND)
            self._drip_on(turn)
            turn += 1
        self._selector.close()
        for each in self.begun:
            each.close()

    def _hear(self, timeout: float) -> None:
        for key, _ in self._selector.select(timeout):
            each: socket.socket = key.fileobj  # type: ignore[assignment]
            try:
                arrived = each.recv(65_536)
            except ConnectionError:
                arrived = b""
            self.let_in += arrived.startswith(b"HTTP/1.1 101")
            if not arrived:
                self.cut.append(time.monotonic() - self.begun[each])
                self._selector.unregister(each)
                each.close()

    def _drip_on(self, turn: int) -> None:
        at = turn // DRIPS_PER_SECOND
        for number, key in enumerate(list(self._selector.get_map().values()) if self._drip else ()):
            if number % DRIPS_PER_SECOND == turn % DRIPS_PER_SECOND:
                with contextlib.suppress(OSError):
                    key.fileobj.send(self._drip[at : at + 1])  # type: ignore[union-attr]


def attackers(line: Connection, port: int, count: int, start: bytes, drip: bytes, within: float) -> None:
    """Run them in a separate process, so that they do not disturb the measurement."""
    crowd = Crowd(port, count, start, drip)
    line.send("all are connected")
    crowd.hold_on(within)
    line.send((crowd.cut, crowd.let_in))


def newcomer(server: Server) -> float:
    """Return the seconds for a connection, a handshake and a first reply."""
    begun = time.perf_counter()
    with connect(server) as wire:
        wire.send(frame("room?"))
        if wire.read().payload != b"room?":
            raise Broken("a new client got no reply")
        return time.perf_counter() - begun


def newcomers(server: Server, count: int, pause: float) -> list[float]:
    """Measure new clients, one after the other."""
    times = []
    for _ in range(count):
        times.append(newcomer(server))
        time.sleep(pause)
    return times


def crowd(count: int, start: bytes, drip: bytes, within: float, server: Server, settings: Settings) -> Outcome:
    """They stay as long as the server lets them; meanwhile new clients connect and are served."""
    count = settings.pick(count, count // 10)
    newcomers(server, 10, PAUSE)
    alone = newcomers(server, 20, PAUSE)
    line, theirs = multiprocessing.Pipe()
    options = (theirs, server.port, count, start, drip, within + 10)
    process = multiprocessing.get_context("spawn").Process(target=attackers, args=options, daemon=True)
    process.start()
    line.recv()
    begun, cpu = time.monotonic(), machine.cpu_seconds(server.pid)
    meanwhile = statistics.median(newcomers(server, 40, PAUSE))
    busy = (machine.cpu_seconds(server.pid) - cpu) / (time.monotonic() - begun)
    cut, let_in = line.recv()
    process.join()
    # Before and after, since other load on the machine changes within seconds.
    alone += newcomers(server, 20, PAUSE)
    worst, slower = max(cut, default=0.0), meanwhile / statistics.median(alone)
    return Outcome(
        f"{len(cut):,} of {count:,} cut, the last after {worst:.2f} s; {let_in} accepted; "
        f"a new client takes {slower:.2f} times as long ({meanwhile * 1e3:.1f} ms), "
        f"the server is {busy:.0%} busy",
        ok=len(cut) == count and not let_in and worst <= within + TO_NOTICE and slower <= 2,
        details={"left": count - len(cut), "worst": worst, "slower": slower, "let_in": let_in},
    )


def _attack(name: str, client: str, count: int, start: bytes, drip: bytes = b"", within: float = 5) -> Attack:
    return Attack(
        name=f"handshakes-{name}",
        promise=f"{count:,} {client}: each cut within {within:.0f} s, a new client at most twice as slow meanwhile",
        run=partial(crowd, count, start, drip, within),
        quick=within <= 5,
        peers=within <= 5,
        attempts=3,
    )


ATTACKS = (
    _attack("slow", "handshakes of a byte each second", 1_000, handshake()[:20], handshake()[20:]),
    _attack("silent", "silent connections", 200, b""),
    _attack("idle", "connections that stay open and silent after a request", 200, REQUEST, within=30),
)
