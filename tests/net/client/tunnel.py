"""A proxy that connects every name to one port of this machine, so that tests can use public names without them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.net.client.raw import clients_of


class Tunnel:
    """Connects each `CONNECT` to `port`, and records its target."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.asked: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        for client in clients_of(self._listener):
            threading.Thread(target=self._lead, args=(client,), daemon=True).start()

    def _lead(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(4_096)
            self.asked.append(head.split(b"\r\n")[0].decode())
            with socket.create_connection(("127.0.0.1", self._port)) as server:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = threading.Thread(target=_pass_on, args=(server, client), daemon=True)
                back.start()
                _pass_on(client, server)
                back.join()

    def end(self) -> None:
        # Closing alone does not wake who accepts.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@contextmanager
def tunnel_to(port: int) -> Iterator[Tunnel]:
    """A proxy for the time of a test."""
    tunnel = Tunnel(port)
    try:
        yield tunnel
    finally:
        tunnel.end()
