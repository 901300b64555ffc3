"""A WebSocket client on a plain socket, for bytes that a library would not send."""

from __future__ import annotations

import base64
import hashlib
import socket
import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
KEY = base64.b64encode(b"sixteen bytes...").decode()


def frame(
    payload: bytes | str = b"",
    opcode: int = TEXT,
    *,
    fin: bool = True,
    rsv: int = 0,
    mask: bytes | None = b"\x11\x22\x33\x44",
    announced: int | None = None,
) -> bytes:
    """A client's frame. `announced` is the length that its head claims, when that is not the payload's."""
    payload = payload.encode() if isinstance(payload, str) else payload
    length = len(payload) if announced is None else announced
    first, masked = (0x80 if fin else 0) | rsv << 4 | opcode, 0x80 if mask is not None else 0
    if length < 126:
        head = struct.pack("!BB", first, masked | length)
    elif length < 65_536:
        head = struct.pack("!BBH", first, masked | 126, length)
    else:
        head = struct.pack("!BBQ", first, masked | 127, length)
    return head + payload if mask is None else head + mask + _masked(payload, mask)


def _masked(payload: bytes, mask: bytes) -> bytes:
    size = len(payload)
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")


def closing(code: int | None = None, reason: str = "") -> bytes:
    """A client's close frame."""
    return frame(b"" if code is None else struct.pack("!H", code) + reason.encode(), CLOSE)


def handshake(path: str = "/ws", host: str = "localhost", **headers: str) -> bytes:
    """A handshake; `headers` are added or replace, underscores for hyphens, and "" removes one."""
    fields = {
        "Host": host,
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": KEY,
        "Sec-WebSocket-Version": "13",
    }
    fields.update({name.replace("_", "-"): value for name, value in headers.items()})
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items() if value)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


class Frame(NamedTuple):
    """A frame from the server."""

    opcode: int
    payload: bytes
    fin: bool = True
    rsv: int = 0

    @property
    def code(self) -> int | None:
        """The code of a close frame."""
        return int.from_bytes(self.payload[:2], "big") if self.payload else None

    @property
    def reason(self) -> str:
        """The reason of a close frame."""
        return self.payload[2:].decode()


# Seconds: longer than any step takes, beside a busy processor, too.
TIMEOUT = 30


class Wire:
    """A connected socket, and the received bytes that have not been used yet."""

    def __init__(self, port: int, *, receive_buffer: int | None = None, host: str = "127.0.0.1") -> None:
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.socket.settimeout(TIMEOUT)
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        try:
            self.socket.connect((host, port))
        except OSError:
            self.socket.close()
            raise
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = bytearray()

    def send(self, *parts: bytes) -> None:
        """Send all parts in one segment, as far as the kernel does so."""
        self.socket.sendall(b"".join(parts))

    def open(self, path: str = "/ws", **headers: str) -> Wire:
        """Do the handshake, which must give 101 with the right accept value."""
        self.send(handshake(path, **headers))
        status, answered, _ = self.read_head()
        assert status == 101, status
        digest = hashlib.sha1(f"{KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()
        assert answered["sec-websocket-accept"] == base64.b64encode(digest).decode()
        return self

    def read_head(self) -> tuple[int, dict[str, str], str]:
        """Return status, headers and reason of the HTTP response."""
        while b"\r\n\r\n" not in self.received:
            assert self._more(), f"ended within an answer's head: {bytes(self.received)!r}"
        head, _, rest = bytes(self.received).partition(b"\r\n\r\n")
        self.received = bytearray(rest)
        first, *lines = head.decode("latin-1").split("\r\n")
        version, status, reason = first.split(" ", 2)
        assert version == "HTTP/1.1"
        return int(status), {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}, reason

    def read_response(self) -> tuple[int, dict[str, str], bytes]:
        """Return one HTTP response with its body."""
        status, headers, _ = self.read_head()
        return status, headers, self._take(int(headers.get("content-length", "0")))

    def read(self) -> Frame:
        """The next frame; fails at the end of the stream."""
        first, second = self._take(2)
        assert not second & 0x80, "a server does not mask"
        length = second & 0x7F
        if length == 126:
            length = int.from_bytes(self._take(2), "big")
        elif length == 127:
            length = int.from_bytes(self._take(8), "big")
        return Frame(first & 0x0F, self._take(length), bool(first & 0x80), first >> 4 & 7)

    def read_close(self) -> Frame:
        """Return the close frame, which must come next."""
        came = self.read()
        assert came.opcode == CLOSE, came
        return came

    def read_until_close(self) -> tuple[list[Frame], Frame]:
        """Everything before the close frame, and that frame."""
        came: list[Frame] = []
        while (each := self.read()).opcode != CLOSE:
            came.append(each)
        return came, each

    def read_until(self, part: bytes) -> bytes:
        """Read until `part` has arrived. Return everything up to its end."""
        while part not in self.received:
            assert self._more(), f"the stream ended before {part!r}: {bytes(self.received)!r}"
        return self._take(self.received.index(part) + len(part))

    def read_end(self) -> bytes:
        """Read to the end of the stream; return the rest. A reset fails."""
        while self._more():
            pass
        rest, self.received = bytes(self.received), bytearray()
        return rest

    def _take(self, count: int) -> bytes:
        while len(self.received) < count:
            assert self._more(), f"the stream ended, {count} bytes were expected after {bytes(self.received)!r}"
        taken = bytes(self.received[:count])
        del self.received[:count]
        return taken

    def _more(self) -> bool:
        data = self.socket.recv(1 << 18)
        self.received += data
        return bool(data)

    def silent(self, seconds: float = 0.1) -> bool:
        """Return whether nothing arrives for a while."""
        self.socket.settimeout(seconds)
        try:
            return not self.received and not self._more()
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(TIMEOUT)

    def reset(self) -> None:
        """Go away without a word: RST instead of FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


def in_pieces(data: bytes, *cuts: int) -> Iterator[bytes]:
    """`data` cut at these places."""
    at = 0
    for cut in sorted(cuts):
        yield data[at:cut]
        at = cut
    yield data[at:]
