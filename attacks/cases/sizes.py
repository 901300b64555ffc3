"""Messages that are too long, in one frame, in many, or after decompression: 1009, and no memory for them."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from attacks.attack import Attack, Outcome, Settings
from attacks.peak import Peak
from attacks.second_server import against_second_server
from attacks.targets import Server
from attacks.wire import BINARY, CONT, TEXT, Frame, Wire, connect, frame

LIMIT = 1 << 20
MEMORY = 2 << 20
DEFLATE = {"Sec_WebSocket_Extensions": "permessage-deflate; client_no_context_takeover; server_no_context_takeover"}

Say = Callable[[Wire], None]


def deflated(payload: bytes) -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


def announced(wire: Wire) -> None:
    """Only the header of a very long frame."""
    wire.send(frame(b"", BINARY, announced=2**63 - 1))


def sent(wire: Wire) -> None:
    """A whole frame that is too long."""
    wire.send(frame(b"x" * (8 << 20), BINARY))


def in_two(wire: Wire) -> None:
    """Two fragments that are only too long together."""
    wire.send(frame(b"x" * LIMIT, BINARY, fin=False), frame(b"x", CONT))


def in_bytes(wire: Wire) -> None:
    """Fragments of one byte, without end."""
    wire.send(frame(b"x", BINARY, fin=False))
    fragments = frame(b"x" * 16, CONT, fin=False) * 4_096
    for _ in range(LIMIT // (16 * 4_096) + 1):
        wire.send(fragments)


def unpacked(wire: Wire) -> None:
    """64 MiB of zeros, compressed to 64 KB."""
    wire.send(frame(deflated(bytes(64 << 20)), BINARY, rsv=4))


def unpacked_in_pieces(wire: Wire) -> None:
    """The same in fragments of 1 KB."""
    bomb = deflated(bytes(64 << 20))
    wire.send(frame(bomb[:1_024], BINARY, rsv=4, fin=False))
    wire.send(*(frame(bomb[at : at + 1_024], CONT, fin=False) for at in range(1_024, len(bomb), 1_024)))


def to_the_brim(wire: Wire) -> None:
    """A first fragment that decompresses to the whole limit, and then a bomb."""
    wire.send(frame(deflated(bytes(LIMIT)), BINARY, rsv=4, fin=False), frame(deflated(bytes(64 << 20)), CONT))


@contextmanager
def warmed(server: Server, path: str, headers: dict[str, str]) -> Iterator[Wire]:
    """A connection after an echo of the maximum length, for which the server keeps memory."""
    with connect(server, path, **headers) as wire:
        wire.send(frame(b"w" * (LIMIT - 1), BINARY, fin=False), frame(b"w", CONT))
        wire.read()
        yield wire


def refused(server: Server, path: str, ways: tuple[Say, ...], headers: dict[str, str]) -> Outcome:
    """Send each on a new connection; return its close code, and the growth of the server's memory."""
    allowed = Peak(server)
    for _ in range(3):
        with warmed(server, path, headers):
            pass
    # A message one byte too long needs as much memory as an allowed one. Only the first counts, since the allocator
    # keeps its memory for later ones.
    bounds = {in_two.__name__: max(MEMORY, allowed.grown)}
    codes: dict[str, int | str | None] = {}
    grown: dict[str, int] = {}
    for say in ways:
        with connect(server, path, **headers) as wire:
            peak = Peak(server)
            codes[say.__name__] = _code(wire, say)
            grown[say.__name__] = peak.grown
    most = max(size for name, size in grown.items() if name not in bounds)
    reported = ", ".join(f"{name.replace('_', ' ')} {code}" for name, code in codes.items())
    return Outcome(
        f"{reported}; memory within {most / (1 << 20):.1f} MB",
        ok=set(codes.values()) == {1009} and all(grown[name] <= bounds.get(name, MEMORY) for name in grown),
        details={"codes": codes, "grown": grown},
    )


def _code(wire: Wire, say: Say) -> int | str | None:
    wire.socket.settimeout(20)
    try:
        say(wire)
        code = wire.read_until_close()[1].code
        wire.read_end()
    except AssertionError:
        return "cut without a code"
    except TimeoutError:
        return "nothing"
    except OSError:
        return "reset"
    return code


def oversize(server: Server, settings: Settings) -> Outcome:
    return refused(server, "/echo", (announced, sent, in_two, in_bytes), {})


def bombs(server: Server, settings: Settings) -> Outcome:
    return refused(server, "/deflate", (unpacked, unpacked_in_pieces, to_the_brim), DEFLATE)


def nothing_for_ever(server: Server, settings: Settings) -> Outcome:
    """Empty fragments have no bytes, but a message has 4,096 fragments at most."""
    with warmed(server, "/echo", {}) as wire:
        peak = Peak(server)
        wire.send(frame("a", fin=False), frame(b"", CONT, fin=False) * 4_094, frame("b", CONT))
        whole = wire.read() == Frame(TEXT, b"ab")
        wire.send(frame("a", fin=False))
        code = _code(wire, lambda wire: wire.send(frame(b"", CONT, fin=False) * 100_000))
        grown = peak.grown
    reported = "one message" if whole else "NO MESSAGE"
    return Outcome(
        f"4,096 fragments: {reported}; 100,000 empty ones: {code}; memory within {grown / (1 << 20):.1f} MB",
        ok=whole and code == 1009 and grown <= MEMORY,
        details={"grown": grown},
    )


ATTACKS = (
    Attack(
        "sizes-oversize",
        "a frame, endless tiny fragments over 1 MiB: 1009, memory within 2 MB; two large ones no more than if allowed",
        oversize,
        quick=True,
    ),
    Attack(
        "sizes-zip-bomb",
        "64 MiB compressed into 64 KB, with compression: 1009, memory within 2 MB",
        against_second_server(bombs),
        quick=True,
        peers=False,
    ),
    Attack(
        "sizes-empty",
        "a message of 4,096 fragments, most of them empty, is accepted, one of more gets 1009; memory within 2 MB",
        nothing_for_ever,
        quick=True,
    ),
)
