"""Agreement: a handshake gets the same response by both ways, the fast one and the one through the HTTP parser.

The fast way reads a plain handshake that arrives whole; the parser reads one that arrives in two pieces.
"""

from __future__ import annotations

import argparse
import random
import sys

from attacks.fuzz.memory import Conversations
from tests.net.wire import frame

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
# The possible values of each part of a request, the usual one first: it is as frequent as all others together.
METHODS = ("GET", "get", "POST", "HEAD", "GET ", "OPTIONS")
PATHS = (
    "/ws",
    "/ws/",
    "/WS",
    "/no",
    "/",
    "/n/5",
    f"/n/{'9' * 5_000}",
    "/n/x",
    "/%77s",
    "/ws%00",
    "/w s",
    "*",
    "ws",
    "//ws",
)
QUERIES = ("", "?", "?a=b", "?a=%zz&%ff", "?" + "a&" * 999, "?" + "a&" * 1_000, "?a?b#c", "?\x7f", "?ü")
VERSIONS = ("HTTP/1.1", "HTTP/1.0", "HTTP/1.2", "http/1.1", "HTTP/1.1 ")
FIELDS: dict[str, tuple[str | None, ...]] = {
    "Host": ("localhost", "127.0.0.1:80", "[::1]", "evil.example", "", None, "localhost:99999", "[::1", "a@localhost"),
    "Upgrade": ("websocket", "WebSocket", "h2c", "websocket, h2c", "", None, "websocket "),
    "Connection": ("Upgrade", "keep-alive, Upgrade", "upgrade,close", "close", "", None, "Upgrade, x"),
    "Sec-WebSocket-Key": (KEY, KEY[:-1], KEY + "=", "", None, "A" * 24, "!" * 22 + "==", " " + KEY),
    "Sec-WebSocket-Version": ("13", "8", "13, 8", "", None, "013", " 13 "),
    "Origin": (None, "http://localhost", "http://evil.example", "null", "", "http://localhost, x", "\xff"),
    "Sec-Fetch-Site": (None, "same-origin", "cross-site", "same-site", "none", "CROSS-SITE", "x", ""),
    "Sec-Fetch-Mode": (None, "navigate", "websocket"),
    "Referer": (None, "http://localhost/x", "http://evil.example/", "x", "http://"),
    "Sec-WebSocket-Extensions": (
        None,
        "permessage-deflate",
        "permessage-deflate; client_max_window_bits",
        ";;",
        "x; y=z",
        "",
    ),
    "Sec-WebSocket-Protocol": (None, "chat", "", "a, b", ";", "zefnb.1", "zefnb.1, chat"),
    "Content-Length": (None, "0", "5", "x"),
    "Transfer-Encoding": (None, "chunked", "x"),
    "Cookie": (None, "a=b", "\x01", "x" * 7_900, "\xff"),
}


def handshake(dice: random.Random) -> bytes:
    """Return a handshake, possibly a malformed one."""

    def pick(among: tuple[str | None, ...], usual: float = 0.9) -> str | None:
        return among[0] if dice.random() < usual else dice.choice(among)

    usual = dice.choice((0.5, 0.9, 0.98))
    lines = [f"{name}:{dice.choice(('', ' ', ' ', ' ', '  '))}{value}" for name, among in FIELDS.items()
             if (value := pick(among, usual)) is not None]  # fmt: skip
    if dice.random() < 0.1:
        dice.shuffle(lines)
    if dice.random() < 0.05:
        lines.append(dice.choice(lines))
    if dice.random() < 0.05:
        lines = [line.lower() if dice.random() < 0.5 else line.upper() for line in lines]
    if dice.random() < 0.02:
        lines.append(dice.choice((" folded", "no colon", "a b: c", ": x", "x : y", "\tx: y")))
    if dice.random() < 0.02:
        lines += ["x: y"] * dice.choice((80, 95, 100, 120))
    end = "\r\n" if dice.random() < 0.98 else dice.choice(("\n", "\r"))
    first = f"{pick(METHODS, usual)} {pick(PATHS, usual)}{pick(QUERIES, usual)} {pick(VERSIONS, usual)}"
    return end.join([first, *lines, "", ""]).encode("utf-8" if dice.random() < 0.5 else "latin-1", "replace")


def reply(conversations: Conversations, *pieces: bytes) -> tuple[list[str], list[str | bytes]]:
    """Return what was written, without the date and with sorted headers, and the messages received."""
    written, received = conversations.hold(pieces)
    head, _, rest = written.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = [line.lower() for line in lines if not line.lower().startswith("date:")]
    return [first, *sorted(headers), rest.decode("latin-1")], received


def check(conversations: Conversations, sent: bytes) -> bool:
    """Return whether it was accepted. Raises `AssertionError` when the two ways differ, or on an error of zefnb."""
    hello = frame("hello")
    whole = reply(conversations, sent, hello)
    in_two = reply(conversations, sent[:1], sent[1:], hello)
    assert whole == in_two, (sent, whole, in_two)
    assert not (faults := conversations.faults()), (sent, faults)
    return whole[0][0].startswith("HTTP/1.1 101")


def agree(conversations: Conversations, count: int, seed: int) -> int:
    """Run `count` conversations both ways; return how many were accepted."""
    dice = random.Random(seed)
    return sum(check(conversations, handshake(dice)) for _ in range(count))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m attacks.fuzz.agree", description=__doc__)
    parser.add_argument("--count", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    conversations = Conversations()
    try:
        let_in = agree(conversations, given.count, given.seed)
    except AssertionError as error:
        sys.exit(f"DIFFER: {error}")
    finally:
        conversations.close()
    print(f"AGREED {given.count} {let_in}")


if __name__ == "__main__":
    main()
