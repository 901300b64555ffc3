"""A crowd whose requests are much work to parse, and the processor time until others have replies."""

from __future__ import annotations

import selectors
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path

from attacks.attack import Attack, Outcome, Settings
from attacks.probe import round_trip
from attacks.targets import Server
from attacks.wire import connect

_CROWD = 60
_CHUNKED = b"POST /told HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
_HEADERS = b"".join(b"a%d: b\r\n" % number for number in range(98))
# The bytes that each client sends first, and those that it then repeats.
_KINDS = {
    "tiny chunks": (_CHUNKED, b"1\r\nx\r\n" * 20_000),
    "extensions": (_CHUNKED, (b"1;" + b"a" * 900 + b"\r\nx\r\n") * 100),
    "headers": (b"", (b"GET / HTTP/1.1\r\nHost: localhost\r\n" + _HEADERS + b"\r\n") * 50),
    "pipelined": (b"", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 2_000),
}


class Flood(threading.Thread):
    """Clients that send without end and drop what they receive; each connects again when its connection is closed."""

    def __init__(self, server: Server, kind: str) -> None:
        super().__init__(daemon=True)
        self._port = server.port
        self._first, self._block = _KINDS[kind]
        self._selector = selectors.DefaultSelector()
        self._over = threading.Event()
        for _ in range(_CROWD):
            self._connect()
        self.start()

    def _connect(self) -> None:
        client = socket.create_connection(("127.0.0.1", self._port))
        client.sendall(self._first)
        client.setblocking(False)
        self._selector.register(client, selectors.EVENT_READ | selectors.EVENT_WRITE, memoryview(self._block))

    def run(self) -> None:
        while not self._over.is_set():
            for key, events in self._selector.select(0.1):
                client: socket.socket = key.fileobj  # type: ignore[assignment]
                try:
                    self._send(client, events, key.data)
                except OSError:
                    self._selector.unregister(client)
                    client.close()
                    with suppress(OSError):
                        self._connect()
            time.sleep(0.001)

    def _send(self, client: socket.socket, events: int, rest: memoryview) -> None:
        with suppress(BlockingIOError):
            if events & selectors.EVENT_READ and not client.recv(1 << 20):
                raise ConnectionResetError
            if events & selectors.EVENT_WRITE:
                rest = rest[client.send(rest) :] or memoryview(self._block)
                self._selector.modify(client, selectors.EVENT_READ | selectors.EVENT_WRITE, rest)

    def end(self) -> None:
        self._over.set()
        self.join(30)
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self._selector.close()


def processor_ms(server: Server) -> float:
    """The processor time that the server has used, in milliseconds."""
    tasks = Path(f"/proc/{server.pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e6


def http_crowd(server: Server, settings: Settings) -> Outcome:
    """For each kind of request: the processor time from an echo's message to its reply."""
    medians: dict[str, float] = {}
    for kind in _KINDS:
        used: list[float] = []
        with connect(server, "/echo") as wire:
            flood = Flood(server, kind)
            try:
                wire.socket.settimeout(30)
                until = time.monotonic() + settings.pick(4, 1.5)
                while time.monotonic() < until or len(used) < 10:
                    before = processor_ms(server)
                    round_trip(wire, "echo")
                    used.append(processor_ms(server) - before)
                    time.sleep(0.005)
            finally:
                flood.end()
        medians[kind] = sorted(used)[len(used) // 2]
    figure = ", ".join(f"{kind} {median:.1f}" for kind, median in medians.items())
    return Outcome(f"median of an echo: {figure} ms", ok=max(medians.values()) <= 25, details=medians)


ATTACKS = (
    Attack(
        "http-crowd",
        f"{_CROWD} clients send tiny chunks, long extensions of chunks, heads of 100 headers or pipelined requests "
        "without end: the server uses at most 25 ms (median) of processor time before another client's echo",
        http_crowd,
        quick=True,
        peers=False,
        attempts=3,
    ),
)
