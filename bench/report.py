"""Tables: the figures of each system, and below in the same columns zefnb's divided by each peer's."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

from rich import box
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from bench.measure import Figure, Measure, Result
from bench.spread import Spread
from bench.targets import Verdict, judge

_NOTICEABLE = 0.2


def table(result: Result) -> Table:
    """Return one measure as a table."""
    figures = result.measure.figures
    shown = Table(
        title=f"{result.measure.name}: {result.measure.title}",
        caption="\n".join(_notes(result)) or None,
        box=box.SIMPLE_HEAD,
        title_justify="left",
        caption_justify="left",
    )
    shown.add_column("", no_wrap=True)
    for figure in figures:
        shown.add_column(figure.title, justify="right", no_wrap=True)
    for entrant in result.measure.entrants:
        if any(result.samples[entrant.label]):
            cells = [_absolute(result, entrant.label, figure) for figure in figures]
        else:
            cells = [Text("not measured", style="bold red")]
        shown.add_row(Text(entrant.label, style="bold" if entrant.ours else ""), *cells)
    shown.add_section()
    for ours, peer in result.pairs():
        quotients = [_ratio(result, ours.label, peer.label, figure) for figure in figures]
        if any(quotients):
            shown.add_row(f"{ours.label} ÷ {peer.label}", *quotients, style="cyan")
    return shown


def _notes(result: Result) -> Iterator[str]:
    if result.measure.note:
        yield result.measure.note
    if result.other_load > _NOTICEABLE:
        yield f"other programs used {result.other_load:.1f} processors meanwhile: rates are low, spreads wide"


_COLOURS = {
    "MISSED": "bold red",
    "not measured": "bold red",
    "aim missed": "yellow",
    "met": "green",
    "aim met": "bold green",
}


VERDICT_TITLES = ("measure", "figure", "target", "aim", "reached", "least-most", "by CPU", "")


def verdicts(results: list[Result]) -> Table:
    """Return every figure with a target: target, aim and result."""
    shown = Table(title="targets and results", box=box.SIMPLE_HEAD, title_justify="left")
    for title in VERDICT_TITLES:
        shown.add_column(title, justify="right" if title in VERDICT_TITLES[2:-1] else "left")
    for verdict in (verdict for result in results for verdict in judge(result)):
        shown.add_row(verdict.measure, verdict.title, *against(verdict), Text(verdict.word, _COLOURS[verdict.word]))
    return shown


def against(verdict: Verdict) -> Iterator[str]:
    """Yield what a verdict compares: target, aim, result, and the spread of the rounds."""
    sign = "≤" if verdict.target.less else "≥"
    for wanted in (verdict.target.must, verdict.target.aim):
        yield f"{sign} {number(wanted, 'plain')}" if wanted is not None else ""
    spread = verdict.spread
    yield number(spread.median, "decimal") if spread else ""
    yield f"{number(spread.least, 'decimal')}-{number(spread.most, 'decimal')}" if spread else ""
    yield number(verdict.by_cpu.median, "decimal") if verdict.by_cpu else ""


def show_faults(console: Console, results: list[Result]) -> bool:
    """Print which systems are missing from which tables. Return whether any is."""
    faults: dict[str, list[str]] = {}
    for result in results:
        for label, why in result.failures.items():
            faults.setdefault(why, []).append(f"{result.measure.name} ({label})")
    if faults:
        lines = [f"{why}\n    missing from {', '.join(names)}" for why, names in faults.items()]
        console.print(Panel(Text("\n".join(lines)), title="NOT MEASURED", border_style="bold red"))
    return bool(faults)


def as_data(result: Result) -> dict[str, object]:
    """Return every sample, for a file, so that a reader can compute other figures."""
    return {
        "name": result.measure.name,
        "samples": result.samples,
        "failures": result.failures,
        "other_load": result.other_load,
    }


def from_data(data: dict[str, Any], measures: Iterable[Measure]) -> Result:
    """Return what `as_data` wrote, for a measure that still exists."""
    measure = next(measure for measure in measures if measure.name == data["name"])
    samples = {entrant.label: data["samples"].get(entrant.label, []) for entrant in measure.entrants}
    return Result(measure, samples, data["failures"], data.get("other_load", data.get("bystanders", 0)))


def _absolute(result: Result, label: str, figure: Figure) -> Text:
    values = result.values(label, figure.key)
    if figure.total:
        total = sum(values)
        return Text(f"{total:,.0f}", style="bold red" if total else "")
    spread = Spread.of(values)
    if not figure.ratio:
        return Text(number(spread.median, figure.style))
    return Text.assemble(
        number(spread.median, figure.style),
        (f"  {number(spread.least, figure.style)}-{number(spread.most, figure.style)}", "dim"),
    )


def _ratio(result: Result, label: str, peer: str, figure: Figure) -> Text:
    ratios = result.ratios(label, peer, figure.key) if figure.ratio else []
    if not ratios:
        return Text()
    spread = Spread.of(ratios)
    median, least, most = (f"{value:.2f}".replace("inf", "∞") for value in (spread.median, spread.least, spread.most))
    return Text.assemble(median, (f"  {least}-{most}", "dim"))


def number(value: float, style: str) -> str:
    """Return a figure as text."""
    if math.isinf(value):
        return "∞"
    if style == "plain":
        return f"{value:,.10g}"
    if style == "percent":
        return f"{value:.0%}"
    if style == "decimal":
        return f"{value:.2f}" if abs(value) < 10 else f"{value:,.1f}"
    if value >= 1e6:
        return f"{value / 1e6:.2f} M"
    return f"{value / 1e3:.1f} k" if value >= 1e4 else f"{value:,.0f}"
