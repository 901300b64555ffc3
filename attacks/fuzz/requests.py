"""Requests: any bytes on a new connection get a valid response, and only a good handshake gets 101."""

from __future__ import annotations

import base64
import re

from attacks.fuzz.memory import Conversations, in_pieces

HEAD_LIMIT = 32_768
RESPONSE = re.compile(rb"HTTP/1\.1 (\d{3}) [ -~]*\r\n((?:[!-9;-~]+: [ -~]*\r\n)*)\r\n")
HEAD_END = re.compile(rb"\n\r?\n")


def check(conversations: Conversations, data: bytes) -> None:
    """The first byte determines how the rest is cut. Raises `AssertionError` for a wrong response."""
    if not data:
        return
    sent = data[1:]
    written, received = conversations.hold(in_pieces(sent, data[0]))
    codes = statuses(written)
    # 501 is for an unknown transfer encoding (RFC 9112, section 6.1).
    assert all(200 <= code < 500 or code in (101, 501) for code in codes), codes
    if 101 in codes:
        assert_good_handshake(sent)
    else:
        assert not received, received
    assert not (faults := conversations.faults()), faults


def statuses(written: bytes) -> list[int]:
    """Return the status of each response; frames follow a 101."""
    codes: list[int] = []
    while written:
        found = RESPONSE.match(written)
        assert found, written
        codes.append(int(found[1]))
        if codes[-1] == 101:
            return codes
        length = re.search(rb"(?im)^content-length: (\d+)\r$", found[2])
        written = written[found.end() + (int(length[1]) if length else 0) :]
    return codes


def assert_good_handshake(sent: bytes) -> None:
    """Return whether one of the requests may get 101 (RFC 6455, section 4.2.1)."""
    assert any(is_handshake(head) for head in HEAD_END.split(sent)), sent


def is_handshake(head: bytes) -> bool:
    first, *lines = re.split(rb"\r?\n", head.lstrip(b"\r\n"))
    headers: dict[bytes, list[bytes]] = {}
    for line in lines:
        name, _, value = line.partition(b":")
        headers.setdefault(name.lower(), []).append(value.strip())
    key = headers.get(b"sec-websocket-key", [])
    try:
        size = len(base64.b64decode(key[0], validate=True)) if len(key) == 1 else 0
    except ValueError:
        return False
    host = headers.get(b"host", [])
    return (
        re.fullmatch(rb"GET \S+ HTTP/1\.1", first.rstrip(b"\r")) is not None
        and size == 16
        and headers.get(b"sec-websocket-version") == [b"13"]
        and b"websocket" in b",".join(headers.get(b"upgrade", [])).lower()
        and b"upgrade" in b",".join(headers.get(b"connection", [])).lower()
        and len(host) == 1
        and re.fullmatch(rb"(?i)(localhost\.?|.*\.localhost\.?|127\..*|\[::.*)(:\d*)?", host[0]) is not None
        and not headers.keys() & {b"content-length", b"transfer-encoding"}
        and len(headers.get(b"origin", [])) <= 1
    )
