"""A server that sends exactly the bytes that a test wants, and reads only on command."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

from websockets.utils import accept_key

Script = Callable[[socket.socket], None]


def clients_of(listener: socket.socket) -> Iterator[socket.socket]:
    """Accept clients until `listener` is closed."""
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        yield client


class RawServer:
    """Shakes hands with each client, then runs `script` with its socket, in a thread."""

    def __init__(self, script: Script, *, receive_buffer: int | None = None) -> None:
        self._script = script
        self._listener = socket.socket()
        if receive_buffer is not None:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen()
        self.port = self._listener.getsockname()[1]
        self.url = f"ws://127.0.0.1:{self.port}/ws"
        self.accepted = 0
        self.sockets: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        for client in clients_of(self._listener):
            self.sockets.append(client)
            threading.Thread(target=self._talk, args=(client,), daemon=True).start()

    def _talk(self, client: socket.socket) -> None:
        try:
            self._answer(client, self._read_key(client))
        except OSError:
            pass
        finally:
            client.close()

    def _read_key(self, client: socket.socket) -> str:
        head = b""
        while b"\r\n\r\n" not in head:
            received = client.recv(4096)
            if not received:
                raise OSError("the client left during its handshake")
            head += received
        [key] = [line[19:].strip() for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key:")]
        return key.decode()

    def _answer(self, client: socket.socket, key: str) -> None:
        client.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept_key(key).encode() + b"\r\n\r\n"
        )
        self.accepted += 1
        self._script(client)

    def end(self) -> None:
        self._listener.close()
        for client in self.sockets:
            client.close()


class AnyServer(RawServer):
    """Runs `script` with each client's socket and the key of its handshake, to which no response has been sent."""

    def __init__(self, script: Callable[[socket.socket, str], None]) -> None:
        self._response = script
        super().__init__(lambda client: None)

    def _answer(self, client: socket.socket, key: str) -> None:
        self._response(client, key)


def server_frame(opcode: int, payload: bytes = b"", fin: bool = True) -> bytes:
    """A frame of a server's: not masked."""
    size = len(payload)
    length = bytes([size]) if size < 126 else bytes([126]) + size.to_bytes(2, "big")
    return bytes([fin << 7 | opcode]) + length + payload


def client_frames(client: socket.socket) -> Iterator[tuple[int, bytes]]:
    """The short frames of a client, opcode and payload, until it closes."""
    stream = client.makefile("rb")
    while head := stream.read(2):
        size = head[1] & 0x7F
        size = int.from_bytes(stream.read(2), "big") if size == 126 else size
        mask = stream.read(4)
        yield head[0] & 0x0F, bytes(byte ^ mask[n % 4] for n, byte in enumerate(stream.read(size)))
