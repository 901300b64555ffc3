"""Input of hostile peers: invalid requests, handshakes that must be refused, breaches of RFC 6455.

The tests of the network and the attacks of `make attacks` share it.
"""

from __future__ import annotations

from tests.net.wire import BINARY, CLOSE, CONT, PING, closing, frame, handshake

CHUNKED = b"POST /told HTTP/%s\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
# Each to be answered with a status from 400 to 499.
GARBAGE = {
    "zeros": bytes(100) + b"\r\n\r\n",
    "bytes of every kind": bytes(range(256)) + b"\r\n\r\n",
    "a TLS hello": bytes.fromhex("160301004a010000460303") + bytes(60) + b"\r\n\r\n",
    "an SSH greeting": b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
    "mail": b"EHLO localhost\r\nMAIL FROM:<a@b>\r\n\r\n",
    "a line alone": b"hello\r\n\r\n",
    "nothing but line ends": b"\r\n\r\n\r\n\r\n",
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/3.7": b"GET / HTTP/3.7\r\nHost: localhost\r\n\r\n",
    "HTTP of lower case": b"GET / http/1.1\r\nHost: localhost\r\n\r\n",
    "a space in the path": b"GET /a b HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a path that is not ASCII": "GET /ä HTTP/1.1\r\nHost: localhost\r\n\r\n".encode(),
    "a method in brackets": b"(GET) / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "no Host": b"GET / HTTP/1.1\r\n\r\n",
    "two Hosts": b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
    "a header without a colon": b"GET / HTTP/1.1\r\nHost: localhost\r\nNonsense\r\n\r\n",
    "a header without a name": b"GET / HTTP/1.1\r\nHost: localhost\r\n: x\r\n\r\n",
    "a space before the colon": b"GET / HTTP/1.1\r\nHost : localhost\r\n\r\n",
    "a folded header": b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n",
    "a header folded with a tab": b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\r\n\tb\r\n\r\n",
    "a header folded after a bare line feed": b"GET / HTTP/1.1\nHost: localhost\nX: a\n b\n\n",
    "a zero in a header": b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\x00b\r\n\r\n",
    "a control character in a header": b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\x01b\r\n\r\n",
    "a carriage return in a header": b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\rb\r\n\r\n",
    "both lengths": b"POST /told HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"POST /told HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "one length twice": b"POST /told HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Length: 5\r\nCONTENT-LENGTH: 5\r\n\r\nhello",
    "one length twice in a line": b"POST /told HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5, 5\r\n\r\nhello",
    "a negative length": b"POST /told HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\nhello",
    "a length with a sign": b"POST /told HTTP/1.1\r\nHost: localhost\r\nContent-Length: +5\r\n\r\nhello",
    "a length in words": b"POST /told HTTP/1.1\r\nHost: localhost\r\nContent-Length: five\r\n\r\nhello",
    "chunks of no size": b"POST /told HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    "an extension with a carriage return": CHUNKED % b"1.1" + b"1;a\rb\r\nx\r\n0\r\n\r\n",
    "an extension with a line feed": CHUNKED % b"1.1" + b"1;a\nb\r\nx\r\n0\r\n\r\n",
    "an extension with a zero": CHUNKED % b"1.1" + b"1;\0\r\nx\r\n0\r\n\r\n",
    "chunks in HTTP/1.0": CHUNKED % b"1.0" + b"1\r\nx\r\n0\r\n\r\n",
    "a line too long": b"GET /" + b"x" * 40_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a header too long": b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 40_000 + b"\r\n\r\n",
}

# Each with the status that fits.
BAD_HANDSHAKES = {
    "no key": (handshake(Sec_WebSocket_Key=""), 400),
    "a key that is too short": (handshake(Sec_WebSocket_Key="c2hvcnQ="), 400),
    "a key that is no base64": (handshake(Sec_WebSocket_Key="!!!!"), 400),
    "two keys": (handshake().replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"), 400),
    "no version": (handshake(Sec_WebSocket_Version=""), 400),
    "version 8": (handshake(Sec_WebSocket_Version="8"), 400),
    "two versions": (handshake().replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Version: 13\r\n\r\n"), 400),
    "two Origins": (
        handshake(Origin="http://localhost").replace(b"\r\n\r\n", b"\r\nOrigin: http://evil.example\r\n\r\n"),
        400,
    ),
    "HTTP/1.0": (handshake().replace(b"HTTP/1.1", b"HTTP/1.0"), 400),
    "a body": (handshake(Content_Length="5") + b"hello", 400),
    "a body of nothing": (handshake(Content_Length="0"), 400),
    "a chunked body": (handshake(Transfer_Encoding="chunked") + b"0\r\n\r\n", 400),
    "extensions that cannot be read": (handshake(Sec_WebSocket_Protocol=",;="), 400),
    "no Connection header": (handshake(Connection=""), 426),
    "another upgrade": (handshake(Upgrade="h2c"), 426),
    "a POST": (handshake().replace(b"GET", b"POST"), 426),
    "another path": (handshake("/elsewhere"), 404),
    "the path of a page": (handshake("/"), 404),
    "a line of 40 KB": (handshake("/ws?" + "x" * 40_000), 431),
    "a header of 40 KB": (handshake(X_Long="x" * 40_000), 431),
    "200 headers": (handshake().replace(b"\r\n\r\n", b"\r\nX: y" * 200 + b"\r\n\r\n"), 431),
}

# Text that is no UTF-8: 1007.
BAD_TEXT = [b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"cut \xe2\x82", b"\x80alone"]

# Each to be answered with 1002.
BREACHES = {
    "a frame without a mask": frame("x", mask=None),
    "a long frame without a mask": frame("x" * 70_000, mask=None),
    "a ping without a mask": frame(b"x", PING, mask=None),
    "the first reserved bit": frame("x", rsv=4),
    "the second reserved bit": frame("x", rsv=2),
    "the third reserved bit": frame("x", rsv=1),
    "a reserved bit in a ping": frame(b"x", PING, rsv=4),
    "a reserved bit in a fragment": frame("x", fin=False) + frame("x", CONT, rsv=1),
    **{f"the reserved opcode {opcode}": frame("x", opcode) for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
    "a ping of 126 bytes": frame(b"x" * 126, PING),
    "a ping that announces a mebibyte": frame(b"", PING, announced=1 << 20),
    "a close frame that announces 16 MiB": frame(b"", CLOSE, announced=16 << 20),
    "a short length in two bytes": b"\x81\xfe\x00\x05" + frame("hello")[2:],
    "a short length in eight bytes": b"\x81\xff" + b"\x00" * 7 + b"\x05" + frame("hello")[2:],
    "a middling length in eight bytes": b"\x81\xff" + b"\x00" * 6 + b"\x01\x00" + frame("h" * 256)[4:],
    "a length of ping in two bytes": b"\x89\xfe\x00\x00" + frame(b"", PING)[2:],
    "a ping in fragments": frame(b"x", PING, fin=False),
    "a close frame in fragments": frame(b"\x03\xe8", CLOSE, fin=False),
    "a continuation of nothing": frame("x", CONT),
    "a continuation of nothing that goes on": frame("x", CONT, fin=False),
    "a continuation after the end": frame("x", fin=False) + frame("x", CONT) + frame("x", CONT),
    "a message within a message": frame("x", fin=False) + frame("y"),
    "a fragment within a message": frame("x", fin=False) + frame("y", BINARY, fin=False),
    "a close frame of one byte": frame(b"\x03", CLOSE),
    "a wrong close frame within a message": frame("x", fin=False) + closing(999),
    **{f"the close code {code}": closing(code) for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999)},
    **{f"the close code {code}": closing(code) for code in (5000, 65535)},
}

CLOSE_CODES = [1000, 1001, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999]
