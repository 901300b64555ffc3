"""The outward client, whose server sends a wrong response to the handshake, or breaks the rules of frames."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable

from websockets.utils import accept_key

from attacks.attack import Attack, Outcome, Settings
from attacks.peak import Peak
from attacks.second_server import against_second_server
from attacks.targets import Server
from tests.net.client.raw import AnyServer, RawServer, server_frame

_MEGABYTE = 1_000_000
_ESCAPES = b"\x1b[31m\x1b]52;c;aGk=\x07"
_EMPTY = b"Content-Length: 0\r\n\r\n"


def _response(status: bytes, *lines: bytes, without_end: bytes = b"", pause: float = 0.0) -> Callable[..., None]:
    """A script that sends these lines, and then `without_end` again and again."""

    def script(client: socket.socket, key: str) -> None:
        accept = b"Sec-WebSocket-Accept: " + accept_key(key).encode()
        client.sendall(b"\r\n".join((b"HTTP/1.1 " + status, *lines)).replace(b"ACCEPT", accept))
        while without_end:
            client.sendall(without_end)
            time.sleep(pause)

    return script


_UPGRADE = (b"Upgrade: websocket", b"Connection: Upgrade", b"ACCEPT")
RESPONSES: dict[str, Callable[..., None]] = {
    "headers without end": _response(b"101 X", b"", without_end=b"x-a: " + b"y" * 4_000 + b"\r\n"),
    "a header without end": _response(b"101 X", b"x: ", without_end=b"y" * 65_536),
    "a head that drips": _response(b"101 X", b"", without_end=b"a", pause=0.05),
    "escapes": _response(b"403 " + _ESCAPES, b"X: " + _ESCAPES, b"Content-Length: 5", b"", _ESCAPES[:5]),
    "a body without end": _response(b"500 No", b"Content-Length: 99999999999", b"", b"", without_end=b"x" * 65_536),
    "chunks without end": _response(
        b"500 No", b"Transfer-Encoding: chunked", b"", b"", without_end=b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    ),
    "a wrong key": _response(b"101 X", *_UPGRADE[:2], b"Sec-WebSocket-Accept: AAAA" + _ESCAPES, b"", b""),
    "two keys": _response(b"101 X", *_UPGRADE, b"Sec-WebSocket-Accept: x", b"", b""),
    "an extension that was not offered": _response(
        b"101 X", *_UPGRADE, b"Sec-WebSocket-Extensions: permessage-deflate", b"", b""
    ),
    "a subprotocol that was not offered": _response(b"101 X", *_UPGRADE, b"Sec-WebSocket-Protocol: evil", b"", b""),
    "another upgrade": _response(b"101 X", b"Upgrade: h2c", b"Connection: Upgrade", b"", b""),
    "a redirect to itself": _response(b"302 Found", b"Location: /ws", _EMPTY),
    "a redirect to nowhere": _response(b"302 Found", b"Location: ws://" + _ESCAPES + b":99999/" + b"x" * 9_999, _EMPTY),
    "continue without end": _response(b"100 Continue", b"", b"", without_end=b"HTTP/1.1 100 Continue\r\n\r\n" * 1_000),
    "garbage": _response(os.urandom(100_000)),
}


def _announced(first: int, length: int) -> bytes:
    return bytes((first, 127)) + length.to_bytes(8, "big")


def _closing(code: int, reason: bytes = b"") -> bytes:
    return server_frame(8, code.to_bytes(2, "big") + reason)


_BEGUN = server_frame(1, b"a", fin=False)
BREACHES: dict[str, tuple[bytes, bytes]] = {
    "a close reason with escapes": (_closing(1000, _ESCAPES + b"\nforged: line \xe2\x80\xae"), b""),
    "a close code that there is not": (_closing(999), b""),
    "a close reason that is not text": (_closing(1000, b"\xff\xff"), b""),
    "half a close code": (server_frame(8, b"\x03"), b""),
    "a message of 2^62 bytes": (_announced(0x81, 1 << 62), b"x" * 65_536),
    "a message of 2^63 bytes": (_announced(0x81, 1 << 63), b""),
    "a message longer than allowed": (_announced(0x82, (16 << 20) + 1), b"x" * 65_536),
    "a mask": (b"\x81\x81aaaab", b""),
    "a packed frame": (b"\xc1\x01a", b""),
    "a reserved opcode": (b"\x83\x01a", b""),
    "a ping in fragments": (b"\x09\x01a", b""),
    "a ping that is too long": (b"\x89\x7e\x00\x7e" + b"a" * 126, b""),
    "a continuation of nothing": (b"\x80\x01a", b""),
    "text that is not UTF-8": (b"\x81\x02\xff\xfe", b""),
    "fragments without end": (_BEGUN, server_frame(0, b"a", fin=False) * 1_000),
    "empty fragments without end": (_BEGUN, server_frame(0, fin=False) * 1_000),
    "pongs without end": (b"", server_frame(10, b"x") * 1_000),
}


def _raw_texts(server: Server) -> int:
    """Count the texts of the journal that have control characters."""
    messages: list[str] = server.command("journal")["messages"]
    return sum(any(ord(character) < 32 or character == "\u202e" for character in text) for text in messages)


def responses(server: Server, settings: Settings) -> Outcome:
    """Each response to a handshake, and each breach of the rules after it."""
    slowest, grown, refused = 0.0, 0, 0
    for script in RESPONSES.values():
        peer = AnyServer(script)
        peak, began = Peak(server), time.monotonic()
        refused += server.command("connect", url=peer.url)["failed"] != ""
        slowest, grown = max(slowest, time.monotonic() - began), max(grown, peak.grown)
        peer.end()
    for first, without_end in BREACHES.values():

        def breach(client: socket.socket, first: bytes = first, without_end: bytes = without_end) -> None:
            client.sendall(first)
            end = time.monotonic() + 2
            while without_end and time.monotonic() < end:
                client.sendall(without_end)

        raw = RawServer(breach)
        peak = Peak(server)
        server.command("connect", url=raw.url)
        time.sleep(settings.pick(1.5, 0.5))
        grown = max(grown, peak.grown)
        server.command("disconnect")
        raw.end()
    texts = _raw_texts(server)
    return Outcome(
        f"{refused} of {len(RESPONSES)} responses refused, the slowest within {slowest:.1f} s; "
        f"{len(BREACHES)} breaches; +{grown / _MEGABYTE:.1f} MB at most; {texts} raw texts",
        ok=refused == len(RESPONSES) and slowest <= 15 and grown <= 24 * _MEGABYTE and not texts,
        details={"slowest": slowest, "grown": grown},
    )


ATTACKS = (
    Attack(
        "outward-answers",
        "a server sends other responses to the outward client's handshake, or breaks the rules of frames: each "
        "response is refused within 15 s, at most 24 MB, the journal has no raw control characters",
        against_second_server(responses),
        quick=True,
        peers=False,
    ),
)
