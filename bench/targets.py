"""Targets and aims: the figures by which a measure is judged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.spread import Spread

if TYPE_CHECKING:
    from bench.measure import Result


_RATES = ("rate", "bytes")


@dataclass(frozen=True)
class Target:
    """One figure of one entrant: its value, or its value divided by a peer's of the same round.

    `less` is true when less is better. `must` and `aim` are both optional.
    """

    ours: str
    figure: str
    must: float | None = None
    aim: float | None = None
    peer: str = ""
    less: bool = False

    def reached(self, spread: Spread, wanted: float) -> bool:
        """Return whether the median is at least (or at most) `wanted`."""
        return spread.median <= wanted if self.less else spread.median >= wanted


@dataclass(frozen=True)
class Verdict:
    """A target and the result; no spread when nothing was measured."""

    measure: str
    title: str
    target: Target
    spread: Spread | None
    by_cpu: Spread | None = None  # a ratio of rates from CPU time, which other load changes less

    @property
    def word(self) -> str:
        """The verdict in a word or two: MISSED, met, aim met, aim missed, or not measured."""
        target, spread = self.target, self.spread
        if spread is None:
            return "not measured"
        if target.must is not None and not target.reached(spread, target.must):
            return "MISSED"
        if target.aim is None:
            return "met"
        if target.reached(spread, target.aim):
            return "aim met"
        return "met" if target.must is not None else "aim missed"


def judge(result: Result) -> Iterator[Verdict]:
    """Yield a verdict on every target of a measure."""
    measure = result.measure
    titles = {figure.key: figure.title for figure in measure.figures}
    for target in measure.targets:
        by_cpu: list[float] = []
        if target.peer:
            values = result.ratios(target.ours, target.peer, target.figure)
            if target.figure in _RATES and "cpu" in titles:
                by_cpu = result.ratios(target.peer, target.ours, "cpu")
        else:
            values = result.values(target.ours, target.figure)
        unit = f"{titles[target.figure]}{f' ÷ {target.peer}' if target.peer else ''}"
        spread, cpu = (Spread.of(found) if found else None for found in (values, by_cpu))
        yield Verdict(measure.name, f"{target.ours}: {unit}", target, spread, cpu)
