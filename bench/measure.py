"""What a measure is, and how it is taken: everybody once per round, so that all see the same machine."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from bench.machine import Bystanders
from bench.systems import ZEFNB, BenchError, System
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
    """One row of a measure: a system, and the variant of it that takes part."""

    label: str
    system: System
    path: str = "/ws"
    greeting: int = 0  # messages the server opens with
    skip: int = 0  # bytes it puts before what it answers
    code: str = ""  # for measures that run a line of Python rather than a server
    base: str = "pass"  # ... over what
    clients: int = 0  # for measures that compare numbers of them
    window: int = 1
    without: str = ""  # a trick that is switched off

    @property
    def ours(self) -> bool:
        return self.system is ZEFNB  # the extra is compared with us


@dataclass(frozen=True)
class Figure:
    """One column of a measure.

    A `ratio` figure is compared pair by pair; `total` adds up over the rounds instead of taking
    the median, and anything but 0 there is a fault.
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
    """A question, who answers it, and how one answer is taken."""

    name: str
    title: str
    entrants: tuple[Entrant, ...]
    figures: tuple[Figure, ...]
    take: Callable[[Entrant, Settings], Sample]
    note: str = ""
    targets: tuple[Target, ...] = ()
    curve: Curve | None = None  # how it is drawn, for measures that are not judged
    slow: bool = False  # a round takes so long that three must do


@dataclass
class Result:
    """All samples of one measure: for each entrant one per round, or none where it failed."""

    measure: Measure
    samples: dict[str, list[Sample | None]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    bystanders: float = 0  # processors that somebody else kept busy meanwhile

    def values(self, label: str, key: str) -> list[float]:
        return [sample[key] for sample in self.samples[label] if sample is not None]

    def ratios(self, label: str, peer: str, key: str) -> list[float]:
        """`label` divided by `peer`, round by round: noise that both saw cancels."""
        pairs = zip(self.samples[label], self.samples[peer], strict=True)
        found = [_quotient(ours[key], theirs[key]) for ours, theirs in pairs if ours and theirs]
        return [quotient for quotient in found if not math.isnan(quotient)]

    def pairs(self) -> Iterator[tuple[Entrant, Entrant]]:
        """Each of ours with each peer, where both have been measured."""
        measured = [entrant for entrant in self.measure.entrants if any(self.samples[entrant.label])]
        for ours in measured:
            if ours.ours:
                yield from ((ours, peer) for peer in measured if not peer.ours)


def _quotient(ours: float, theirs: float) -> float:
    """Without end beside somebody who got nothing done; nothing that is a number when neither did."""
    if theirs == 0:
        return math.inf if ours > 0 else math.nan
    return ours / theirs


def take(measure: Measure, settings: Settings, progress: Callable[[str], None]) -> Result:
    """Run the rounds. The order rotates, so that nobody always comes first."""
    result = Result(measure, {entrant.label: [] for entrant in measure.entrants})
    bystanders = Bystanders()
    rounds = min(settings.rounds, 3) if measure.slow else settings.rounds
    for turn in range(rounds):
        progress(f"{measure.name}, round {turn + 1} of {rounds}")
        first = turn % len(measure.entrants)
        for entrant in measure.entrants[first:] + measure.entrants[:first]:
            result.samples[entrant.label].append(_attempt(result, entrant, settings))
    result.bystanders = bystanders.processors
    return result


def _attempt(result: Result, entrant: Entrant, settings: Settings) -> Sample | None:
    if entrant.label in result.failures:  # once is enough: what is broken stays broken for this run
        return None
    try:
        return result.measure.take(entrant, settings)
    except BenchError as error:
        result.failures[entrant.label] = str(error)
        return None
