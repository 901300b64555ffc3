"""An attack: a promise, and a program that tries to break it."""

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
        """Return `quick` in the short form, else `full`."""
        return quick if self.quick else full


@dataclass(frozen=True)
class Outcome:
    """The result in one short line, and whether the promise was kept."""

    figure: str
    ok: bool
    details: dict[str, Any] = field(default_factory=dict)


Run = Callable[[Server, Settings], Outcome]


@dataclass(frozen=True)
class Attack:
    """One attack. `run` receives a new server and leaves it as it was, unless it `ends` it."""

    name: str
    promise: str
    run: Run
    quick: bool = False  # short enough for `make test`
    peers: bool = True  # the peers can be attacked in the same way
    attempts: int = 1  # more than 1 where other load changes the figure: the first success counts
    ends: bool = False  # the server ends during the attack
    last: bool = False  # runs all the others again


class Broken(Exception):
    """The attack could not continue: the server did something that ends the measurement."""
