"""A measure, and how it is taken: each system once in a round, so that all have the same conditions."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from bench.machine import OtherLoad
from bench.systems import ZEFNB, ZEFNB_NODE, BenchError, System
from bench.targets import Target

Sample = dict[str, float]


@dataclass(frozen=True)
class Settings:
    """How long and how often."""

    rounds: int = 5
    seconds: float = 1.0
    warm: float = 0.25
    quick: bool = False


@dataclass(frozen=True)
class Entrant:
    """One row of a measure: a system in one variant."""

    label: str
    system: System
    path: str = "/ws"
    greeting: int = 0  # messages that the server sends first
    skip: int = 0  # bytes that it puts before each reply
    code: str = ""  # for measures that run a line of Python instead of a server
    base: str = "pass"  # the code that it is compared with
    clients: int = 0  # for measures that compare numbers of clients
    window: int = 1
    without: str = ""  # an optimization that is switched off

    @property
    def ours(self) -> bool:
        return self.system in (ZEFNB, ZEFNB_NODE)  # zefnb[speed] is compared with zefnb


@dataclass(frozen=True)
class Figure:
    """One column of a measure.

    A `ratio` figure is compared pair by pair. A `total` figure is the sum of all rounds instead of
    the median, and every value but 0 is an error.
    """

    key: str
    title: str
    style: Literal["count", "percent", "decimal"] = "decimal"
    ratio: bool = False
    total: bool = False


@dataclass(frozen=True)
class Curve:
    """How a measure is drawn: a line for each system, a point for each of its entrants."""

    x: str  # a figure, or `clients`
    y: str
    x_title: str
    y_title: str


@dataclass(frozen=True)
class Measure:
    """A measure: its subject, the systems that take part, and how one sample is taken."""

    name: str
    title: str
    entrants: tuple[Entrant, ...]
    figures: tuple[Figure, ...]
    take: Callable[[Entrant, Settings], Sample]
    note: str = ""
    targets: tuple[Target, ...] = ()
    curve: Curve | None = None  # how it is drawn, for measures without targets
    slow: bool = False  # a round takes so long that there are only three


@dataclass
class Result:
    """All samples of one measure: one per round for each entrant, or none if it failed."""

    measure: Measure
    samples: dict[str, list[Sample | None]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    other_load: float = 0  # processors that other programs used meanwhile

    def values(self, label: str, key: str) -> list[float]:
        return [sample[key] for sample in self.samples[label] if sample is not None]

    def ratios(self, label: str, peer: str, key: str) -> list[float]:
        """Return `label` divided by `peer`, round by round: noise common to both cancels."""
        pairs = zip(self.samples[label], self.samples[peer], strict=True)
        found = [_quotient(ours[key], theirs[key]) for ours, theirs in pairs if ours and theirs]
        return [quotient for quotient in found if not math.isnan(quotient)]

    def pairs(self) -> Iterator[tuple[Entrant, Entrant]]:
        """Yield each entrant of zefnb with each peer, when both have been measured."""
        measured = [entrant for entrant in self.measure.entrants if any(self.samples[entrant.label])]
        for ours in measured:
            if ours.ours:
                yield from ((ours, peer) for peer in measured if not peer.ours)


def _quotient(ours: float, theirs: float) -> float:
    """Return the quotient: infinity when only the peer is 0, NaN when both are."""
    if theirs == 0:
        return math.inf if ours > 0 else math.nan
    return ours / theirs


def take(measure: Measure, settings: Settings, progress: Callable[[str], None]) -> Result:
    """Run the rounds. The order rotates, so that no system is always the first."""
    result = Result(measure, {entrant.label: [] for entrant in measure.entrants})
    other_load = OtherLoad()
    rounds = min(settings.rounds, 3) if measure.slow else settings.rounds
    for turn in range(rounds):
        progress(f"{measure.name}, round {turn + 1} of {rounds}")
        first = turn % len(measure.entrants)
        for entrant in measure.entrants[first:] + measure.entrants[:first]:
            result.samples[entrant.label].append(_attempt(result, entrant, settings))
    result.other_load = other_load.processors
    return result


def _attempt(result: Result, entrant: Entrant, settings: Settings) -> Sample | None:
    if entrant.label in result.failures:  # a system that has failed is not tried again in this run
        return None
    try:
        return result.measure.take(entrant, settings)
    except BenchError as error:
        result.failures[entrant.label] = str(error)
        return None
