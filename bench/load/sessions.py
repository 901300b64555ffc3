"""Clients that reconnect: `python -m bench.load.sessions PORT PATH CLIENTS KIND MISSED SIZE`.

`KIND` is "resume" (they continue their sessions, docs/subprotocol.md), "hello" (each begins a new one) or "plain"
(without sessions). All connect, lose their connections and print a line. With a line on standard input they connect
again, sixteen at a time. A client is back when it has its welcome and, if it resumes, the `MISSED` messages of the time
in between.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Iterator

from bench.servers.control import numbered_messages

BATCH = 16
_REQUEST = (
    "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{protocol}\r\n"
)


class Connection:
    """One connection of a client."""

    def __init__(self, port: int, path: str, kind: str) -> None:
        protocol = "" if kind == "plain" else "Sec-WebSocket-Protocol: zefnb.1\r\n"
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._socket.sendall(_REQUEST.format(path=path, port=port, protocol=protocol).encode())
        self._received = b""

    def handshake(self) -> None:
        """Wait for the response."""
        while b"\r\n\r\n" not in self._received:
            self._fill()
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        if b" 101 " not in head:
            sys.exit(f"handshake: {head[:60]!r}")

    def send_control(self, **fields: object) -> None:
        """Send a control message of the subprotocol. A mask of zeros leaves it unchanged."""
        payload = b"\0" + json.dumps(fields).encode()
        length = len(payload)
        head = bytes((0x81, 0x80 | length)) if length < 126 else b"\x81\xfe" + length.to_bytes(2, "big")
        self._socket.sendall(head + bytes(4) + payload)

    def control(self) -> dict[str, object]:
        """Return the next message, which must be a control message."""
        fields: dict[str, object] = json.loads(self.message().removeprefix(b"\0"))
        return fields

    def message(self) -> bytes:
        """Return the next message, of less than 64 KiB."""
        self._fill_to(2)
        length, head = self._received[1], 2
        if length == 126:
            self._fill_to(head := 4)
            length = int.from_bytes(self._received[2:4], "big")
        self._fill_to(head + length)
        found, self._received = self._received[head : head + length], self._received[head + length :]
        return found

    def lose(self) -> None:
        """Close the connection without a close frame."""
        self._socket.close()

    def _fill_to(self, length: int) -> None:
        while len(self._received) < length:
            self._fill()

    def _fill(self) -> None:
        if not (data := self._socket.recv(65536)):
            sys.exit("the server closed a connection")
        self._received += data


def _batches(count: int) -> Iterator[range]:
    return (range(first, min(first + BATCH, count)) for first in range(0, count, BATCH))


class Crowd:
    """All clients, with the names of their sessions."""

    def __init__(self, port: int, path: str, clients: int, kind: str) -> None:
        self._port, self._path, self._clients, self._kind = port, path, clients, kind
        self._sessions: dict[int, object] = {}
        self.connections: list[Connection] = []
        self.resumed = self.lost = self.wrong = 0

    def connect(self, missed: list[bytes]) -> None:
        """Connect each client, and read what it gets at once."""
        for batch in _batches(self._clients):
            connections = [Connection(self._port, self._path, self._kind) for _ in batch]
            self.connections += connections
            for number, connection in zip(batch, connections, strict=True):
                connection.handshake()
                if self._kind != "plain":
                    self._greet(number, connection)
            if self._kind != "plain":
                for number, connection in zip(batch, connections, strict=True):
                    self._welcome(number, connection, missed)

    def _greet(self, number: int, connection: Connection) -> None:
        if self._kind == "resume" and number in self._sessions:
            connection.send_control(type="resume", session=self._sessions[number], received=0, confirmed=0)
        else:
            connection.send_control(type="hello")

    def _welcome(self, number: int, connection: Connection, missed: list[bytes]) -> None:
        welcome = connection.control()
        self._sessions[number] = welcome["session"]
        if welcome["resumed"]:
            self.resumed += 1
            self.lost += int(str(welcome["missing"]))
            self.wrong += sum(connection.message() != message for message in missed)

    def lose_all(self) -> None:
        """Close all connections, as a network does."""
        for connection in self.connections:
            connection.lose()
        self.connections = []


def main(port: str, path: str, clients: str, kind: str, missed: str, size: str) -> None:
    expected = [message.encode() for message in numbered_messages(int(missed), int(size))]
    crowd = Crowd(int(port), path, int(clients), kind)
    crowd.connect([])
    crowd.lose_all()
    print(json.dumps({"ready": True}), flush=True)
    sys.stdin.readline()
    begin = time.monotonic()
    crowd.connect(expected)
    seconds = time.monotonic() - begin
    found = {"seconds": seconds, "resumed": crowd.resumed, "lost": crowd.lost, "wrong": crowd.wrong}
    print(json.dumps(found), flush=True)
    sys.stdin.read()  # the connections stay until the bench has read the processor time


if __name__ == "__main__":
    main(*sys.argv[1:])
