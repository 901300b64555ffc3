"""Breaches of RFC 6455: each has its close code, and what is allowed is taken."""

from __future__ import annotations

from collections.abc import Callable

from attacks.attack import Attack, Outcome, Settings
from attacks.targets import Server
from attacks.wire import CONT, PING, PONG, TEXT, Frame, Wire, closing, connect, frame
from tests.net.hostile import BAD_TEXT, BREACHES, CLOSE_CODES

WHOLE, IN_BYTES = "in one piece", "byte by byte"


def closed_with(server: Server, said: bytes, way: str = WHOLE) -> int | str:
    """The code with which the connection ends when this is said, after a message and before another."""
    with connect(server, "/echo") as wire:
        wire.socket.settimeout(2)
        wire.send(frame("before"))
        try:
            if wire.read() != Frame(TEXT, b"before"):
                return "another answer"
            for part in [said + frame("after")] if way == WHOLE else [said[at : at + 1] for at in range(len(said))]:
                wire.send(part)
            came, end = wire.read_until_close()
            rest = wire.read_end()
        except AssertionError:
            return "cut without a code"
        except TimeoutError:
            return "nothing happened"
        except OSError:
            return "reset"
        if rest or any(each.payload == b"after" for each in came):
            return "what follows is taken"
        return end.code if end.code is not None else "no code"


def bad_text() -> dict[str, bytes]:
    """Text that is no UTF-8, in one piece, at the end of a long one, and across fragments."""
    said = {f"{text!r} alone": frame(text) for text in BAD_TEXT}
    said |= {f"{text!r} at the end": frame(b"x" * 130 + text) for text in BAD_TEXT}
    said |= {f"{text!r} in fragments": frame(text[:1], fin=False) + frame(text[1:], CONT) for text in BAD_TEXT}
    return said


def breaches(server: Server, settings: Settings) -> Outcome:
    ways = settings.pick((WHOLE, IN_BYTES), (WHOLE,))
    expected: list[tuple[str, bytes, int]] = [(name, said, 1002) for name, said in BREACHES.items()]
    expected += [(name, said, 1007) for name, said in bad_text().items()]
    expected += [("a reason that is no UTF-8", frame(b"\x03\xe8\xff", 8), 1007)]
    expected += [(f"close code {code}", closing(code), code) for code in CLOSE_CODES]
    expected += [("a close frame between fragments", frame("x", fin=False) + closing(1000), 1000)]
    wrong = {}
    for way in ways:
        for name, said, code in expected:
            # Nobody can be told of a breach in the bytes that are sent after it has been answered.
            if way == IN_BYTES and len(said) > 1_000:
                continue
            got = closed_with(server, said, way)
            if got != code:
                wrong[f"{name}, {way}"] = got
    tried = len(expected)
    told = "; ".join(f"{name}: {got}" for name, got in list(wrong.items())[:2])
    return Outcome(
        f"{tried} breaches and closes, {' and '.join(ways)}: {len(wrong)} wrong" + (f" ({told} ...)" if wrong else ""),
        ok=not wrong,
        details=wrong,
    )


def between(wire: Wire) -> bool:
    """A ping between fragments is answered before the message is at its end."""
    for number, payload in enumerate((b"", b"now", b"p" * 125)):
        wire.send(frame(b"f" * 70_000, TEXT if number == 0 else CONT, fin=False), frame(payload, PING))
        if wire.read() != Frame(PONG, payload):
            return False
    wire.send(frame("", CONT))
    return wire.read().payload == b"f" * 210_000


def at_the_limit(wire: Wire) -> bool:
    """So it is when the message is as long as it may be."""
    wire.send(frame(b"f" * (1 << 20), fin=False), frame(b"p" * 125, PING), frame("", CONT))
    return [wire.read(), wire.read()] == [Frame(PONG, b"p" * 125), Frame(TEXT, b"f" * (1 << 20))]


def burst(wire: Wire) -> bool:
    """Many pings at once are answered in order."""
    wire.send(*(frame(b"%d" % number, PING) for number in range(1_000)))
    return all(wire.read() == Frame(PONG, b"%d" % number) for number in range(1_000))


def pings(server: Server, settings: Settings) -> Outcome:
    tries: tuple[Callable[[Wire], bool], ...] = (between, at_the_limit, burst)
    answered = []
    for each in tries:
        with connect(server, "/echo") as wire:
            wire.socket.settimeout(2)
            try:
                answered.append(each(wire))
            except (AssertionError, OSError):
                answered.append(False)
    told = ", ".join(
        f"{each.__name__.replace('_', ' ')} {'yes' if ok else 'NO'}" for each, ok in zip(tries, answered, strict=True)
    )
    return Outcome(f"pings answered: {told}", ok=all(answered))


ATTACKS = (
    Attack(
        "framing-breaches",
        "masks, reserved bits, opcodes, lengths, control frames, fragments, bad UTF-8, close codes: the right code",
        breaches,
        quick=True,
    ),
    Attack("framing-pings", "pings are answered, between fragments too", pings, quick=True),
)
