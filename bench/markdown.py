"""The same tables as `report.py`, in Markdown, for `docs/speed.md`."""

from __future__ import annotations

from collections.abc import Iterator

from bench.measure import Figure, Result
from bench.report import VERDICT_TITLES, against, number
from bench.spread import Spread
from bench.targets import judge


def write(results: list[Result]) -> str:
    """Return all results: first the targets, then every table."""
    judged = [
        [v.measure, v.title, *against(v), v.word] for v in (verdict for result in results for verdict in judge(result))
    ]
    parts = [_table(list(VERDICT_TITLES), judged)]
    for result in results:
        figures = result.measure.figures
        rows = [
            [entrant.label, *(_cell(result, entrant.label, figure) for figure in figures)]
            for entrant in result.measure.entrants
        ]
        parts.append(f"**{result.measure.name}**: {result.measure.title}\n")
        parts.append(_table(["", *(figure.title for figure in figures)], rows))
    return "\n".join(parts)


def _cell(result: Result, label: str, figure: Figure) -> str:
    values = result.values(label, figure.key)
    if not values:
        return "-"
    return number(sum(values) if figure.total else Spread.of(values).median, "count" if figure.total else figure.style)


def _table(titles: list[str], rows: list[list[str]]) -> str:
    return "\n".join(_lines(titles, rows))


def _lines(titles: list[str], rows: list[list[str]]) -> Iterator[str]:
    yield f"| {' | '.join(titles)} |"
    yield f"|{'|'.join('---' if n < 2 else '--:' for n in range(len(titles)))}|"
    yield from (f"| {' | '.join(row)} |" for row in rows)
    yield ""
