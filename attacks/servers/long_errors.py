"""Long errors: every way in which an exception, or a handler's result, can contain 20 MiB from a peer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from zefnb import ET

# As a parser that quotes its input.
INPUT = "word " * (4 << 20)


@dataclass
class Parsed:
    """A value with a generated repr."""

    text: str


class Quoting:
    """A value whose own repr quotes all of its input."""

    def __repr__(self) -> str:
        return INPUT

    __str__ = __repr__


def _noted() -> Exception:
    error = ValueError("see the notes")
    for _ in range(20):
        error.add_note(INPUT)
    return error


def _caused() -> Exception:
    error = ValueError(INPUT)
    error.__cause__ = KeyError(INPUT)
    error.__cause__.__context__ = ValueError([INPUT] * 1_000)
    return error


ERRORS: dict[str, Callable[[], BaseException]] = {
    "text": lambda: ValueError(INPUT),
    "key": lambda: KeyError(INPUT),
    "values": lambda: ValueError(INPUT, {"input": INPUT}),
    "list": lambda: ValueError([INPUT] * 1_000),
    "numbers": lambda: ValueError(_NUMBERS),
    "dataclass": lambda: ValueError(Parsed(INPUT)),
    "entity": lambda: ValueError(ET.Parsed(text=INPUT)),
    "own repr": lambda: ValueError(Quoting()),
    "notes": _noted,
    "causes": _caused,
    "group": lambda: ExceptionGroup(INPUT, [ValueError(INPUT), KeyError(INPUT)] * 100),
    "syntax": lambda: SyntaxError(INPUT[:100], ("<input>", 1, 1, INPUT)),
    "secrets": lambda: ValueError("token=" * (4 << 20)),
}
RESPONSES: dict[str, Callable[[], Any]] = {
    "returned text": lambda: INPUT,
    "returned list": lambda: [[INPUT], None],
    "returned entity": lambda: ET.Parsed(text=INPUT),
}
_NUMBERS = list(range(2_000_000))


def fail(kind: str) -> Any:
    """Raise the error of that kind, or return the invalid result."""
    if kind in RESPONSES:
        return RESPONSES[kind]()
    raise ERRORS[kind]()
