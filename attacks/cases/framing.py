"""Breaches of RFC 6455: each gets its close code, and allowed frames are accepted."""

from __future__ import annotations

from collections.abc import Callable

from attacks.attack import Attack, Outcome, Settings
from attacks.targets import Server
from attacks.wire import CONT, PING, PONG, TEXT, Frame, Wire, closing, connect, frame
from tests.net.hostile import BAD_TEXT, BREACHES, CLOSE_CODES

WHOLE, IN_BYTES = "in one piece", "byte by byte"


def closed_with(server: Server, sent: bytes, way: str = WHOLE) -> int | str:
    """Return the close code after these bytes, between one message and another."""
    with connect(server, "/echo") as wire:
        wire.socket.settimeout(2)
        wire.send(frame("before"))
        try:
            if wire.read() != Frame(TEXT, b"before"):
                return "another reply"
            for part in [sent + frame("after")] if way == WHOLE else [sent[at : at + 1] for at in range(len(sent))]:
                wire.send(part)
            arrived, end = wire.read_until_close()
            rest = wire.read_end()
        except AssertionError:
            return "cut without a code"
        except TimeoutError:
            return "nothing happened"
        except OSError:
            return "reset"
        if rest or any(each.payload == b"after" for each in arrived):
            return "the next message is accepted"
        return end.code if end.code is not None else "no code"


def bad_text() -> dict[str, bytes]:
    """Text that is not UTF-8, in one piece, at the end of a long one, and across fragments."""
    sent = {f"{text!r} alone": frame(text) for text in BAD_TEXT}
    sent |= {f"{text!r} at the end": frame(b"x" * 130 + text) for text in BAD_TEXT}
    sent |= {f"{text!r} in fragments": frame(text[:1], fin=False) + frame(text[1:], CONT) for text in BAD_TEXT}
    return sent


def breaches(server: Server, settings: Settings) -> Outcome:
    ways = settings.pick((WHOLE, IN_BYTES), (WHOLE,))
    expected: list[tuple[str, bytes, int]] = [(name, sent, 1002) for name, sent in BREACHES.items()]
    expected += [(name, sent, 1007) for name, sent in bad_text().items()]
    expected += [("a reason that is not UTF-8", frame(b"\x03\xe8\xff", 8), 1007)]
    expected += [(f"close code {code}", closing(code), code) for code in CLOSE_CODES]
    expected += [("a close frame between fragments", frame("x", fin=False) + closing(1000), 1000)]
    wrong = {}
    for way in ways:
        for name, sent, code in expected:
            # After the close frame, the server cannot report another breach.
            if way == IN_BYTES and len(sent) > 1_000:
                continue
            got = closed_with(server, sent, way)
            if got != code:
                wrong[f"{name}, {way}"] = got
    tried = len(expected)
    reported = "; ".join(f"{name}: {got}" for name, got in list(wrong.items())[:2])
    return Outcome(
        f"{tried} breaches and closes, {' and '.join(ways)}: {len(wrong)} wrong"
        + (f" ({reported} ...)" if wrong else ""),
        ok=not wrong,
        details=wrong,
    )


def between(wire: Wire) -> bool:
    """A ping between fragments gets its pong before the message ends."""
    for number, payload in enumerate((b"", b"now", b"p" * 125)):
        wire.send(frame(b"f" * 70_000, TEXT if number == 0 else CONT, fin=False), frame(payload, PING))
        if wire.read() != Frame(PONG, payload):
            return False
    wire.send(frame("", CONT))
    return wire.read().payload == b"f" * 210_000


def at_the_limit(wire: Wire) -> bool:
    """So does one when the message has the maximum length."""
    wire.send(frame(b"f" * (1 << 20), fin=False), frame(b"p" * 125, PING), frame("", CONT))
    return [wire.read(), wire.read()] == [Frame(PONG, b"p" * 125), Frame(TEXT, b"f" * (1 << 20))]


def burst(wire: Wire) -> bool:
    """Many pings at once get their pongs in order."""
    wire.send(*(frame(b"%d" % number, PING) for number in range(1_000)))
    return all(wire.read() == Frame(PONG, b"%d" % number) for number in range(1_000))


def pings(server: Server, settings: Settings) -> Outcome:
    tries: tuple[Callable[[Wire], bool], ...] = (between, at_the_limit, burst)
    replied = []
    for each in tries:
        with connect(server, "/echo") as wire:
            wire.socket.settimeout(2)
            try:
                replied.append(each(wire))
            except (AssertionError, OSError):
                replied.append(False)
    reported = ", ".join(
        f"{each.__name__.replace('_', ' ')} {'yes' if ok else 'NO'}" for each, ok in zip(tries, replied, strict=True)
    )
    return Outcome(f"pings with a pong: {reported}", ok=all(replied))


ATTACKS = (
    Attack(
        "framing-breaches",
        "masks, reserved bits, opcodes, lengths, control frames, fragments, bad UTF-8, close codes: the right code",
        breaches,
        quick=True,
    ),
    Attack("framing-pings", "each ping gets a pong, also between fragments and at the size limit", pings, quick=True),
)
