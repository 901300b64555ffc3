"""Clients of server-sent events: `python -m bench.load.streams PORT CLIENTS COUNT SIZE`.

It prints a line when all clients are connected, and the counts when each has the last of `COUNT` messages. It keeps the
bytes of each client and reads the events from them afterwards, so that it is faster than the servers.
"""

from __future__ import annotations

import json
import re
import selectors
import socket
import sys
import time

from bench.servers.control import numbered_messages

LIMIT = 30  # seconds without the last message, after which the rest is lost


class Client:
    """A stream, and all bytes of it."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.socket.sendall(b"GET /events HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: text/event-stream\r\n\r\n" % port)
        self.received = b""
        while b"\r\n\r\n" not in self.received:
            if not (data := self.socket.recv(4096)):
                sys.exit("the server closed a stream")
            self.received += data
        if b" 200 " not in self.received[:16]:
            sys.exit(f"not an event stream: {self.received[:60]!r}")
        self.received = self.received.partition(b"\r\n\r\n")[2]
        self.parts = [self.received]

    def read(self) -> bytes:
        """Read the available bytes, and return the last hundreds of the stream."""
        data = self.socket.recv(1 << 18)
        self.parts.append(data)
        self.received = (self.received + data)[-400:]
        return self.received if data else b""

    def messages(self) -> list[bytes]:
        """Return the data of all events, without the chunks of HTTP."""
        body = re.sub(rb"(?:^|\r\n)[0-9a-f]+\r\n", b"", b"".join(self.parts), flags=re.IGNORECASE)
        return re.findall(rb"^data: (.*?)\r?$", body, flags=re.MULTILINE)


def _receive(clients: list[Client], last: bytes) -> float:
    """Read until each client has the last message, and return the time at which the last one has it."""
    arrived = time.monotonic()
    with selectors.DefaultSelector() as selector:
        for client in clients:
            selector.register(client.socket, selectors.EVENT_READ, client)
        end = arrived + LIMIT
        while selector.get_map() and time.monotonic() < end:
            for key, _ in selector.select(1):
                tail = key.data.read()
                if not tail or last in tail:
                    selector.unregister(key.fileobj)
                    arrived = time.monotonic()
    return arrived


def main(port: int, clients: int, count: int, size: int) -> None:
    expected = [message.encode() for message in numbered_messages(count, size)]
    crowd = [Client(port) for _ in range(clients)]
    print(json.dumps({"ready": True}), flush=True)
    last = _receive(crowd, expected[-1])
    found = {"last": last, "lost": 0, "doubled": 0, "wrong": 0}
    for client in crowd:
        messages = client.messages()
        distinct = set(messages)
        found["lost"] += len(set(expected) - distinct)
        found["doubled"] += len(messages) - len(distinct)
        found["wrong"] += messages != sorted(messages) or not distinct <= set(expected)
        client.socket.close()
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
