"""An attack: what is promised, and the program that tries to break it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from attacks.targets import ZEFNB, Server, System


@dataclass(frozen=True)
class Settings:
    """How hard to try: `quick` is what fits into `make test`."""

    quick: bool = False
    system: System = ZEFNB

    def pick(self, full: Any, quick: Any) -> Any:
        """The full measure, or the short one."""
        return quick if self.quick else full


@dataclass(frozen=True)
class Outcome:
    """What was measured, in one short line, and whether the promise was kept."""

    figure: str
    ok: bool
    details: dict[str, Any] = field(default_factory=dict)


Run = Callable[[Server, Settings], Outcome]


@dataclass(frozen=True)
class Attack:
    """One attack. `run` gets a fresh server and must leave it as it found it, unless it `ends` it."""

    name: str
    promise: str
    run: Run
    quick: bool = False  # short enough for `make test`
    peers: bool = True  # the same can be asked of the peers
    attempts: int = 1  # more where a figure depends on the machine's mood: the first that holds counts, and it is said
    ends: bool = False  # the server does not outlive it
    last: bool = False  # judges all the others


class Broken(Exception):
    """The attack itself could not go on: the server did something that ends the measurement."""
