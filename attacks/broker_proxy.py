"""A proxy between the nodes and their broker that cuts connections, halves replies or swallows them."""

from __future__ import annotations

import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from attacks.brokers import Broker

PASS, CUT, HALVE, SWALLOW = "pass", "cut", "halve", "swallow"
_MOST = 1 << 16


class BrokerProxy:
    """A Unix socket. `mode` is what happens to the next replies; requests always reach the broker."""

    def __init__(self, broker: Broker, directory: Path) -> None:
        self.mode = PASS
        # How many replies the present mode has spoilt.
        self.spoilt = 0
        self._broker = broker
        self._path = directory / "p"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self._path))
        self._listener.listen()
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"unix://{self._path}"

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                self._open += (client, server)
                try:
                    server.connect(str(self._broker.socket))
                except OSError:
                    self._end(client, server)
                    continue
                threading.Thread(target=self._requests, args=(client, server), daemon=True).start()
                threading.Thread(target=self._replies, args=(client, server), daemon=True).start()

    def _requests(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(_MOST):
                server.sendall(data)
        self._end(client, server)

    def _replies(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(_MOST):
                mode = self.mode
                self.spoilt += mode != PASS
                if mode == PASS:
                    client.sendall(data)
                elif mode == HALVE:
                    client.sendall(data[: len(data) // 2])
                if mode in (CUT, HALVE):
                    break
        self._end(client, server)

    def _end(self, *sockets: socket.socket) -> None:
        for each in sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def close(self) -> None:
        """End all connections."""
        self._end(self._listener, *self._open)


@contextmanager
def broker_proxy(broker: Broker) -> Iterator[BrokerProxy]:
    """A proxy during the block."""
    with tempfile.TemporaryDirectory(prefix="zp-") as directory:
        proxy = BrokerProxy(broker, Path(directory))
        try:
            yield proxy
        finally:
            proxy.close()
