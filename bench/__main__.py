"""`python -m bench`: measure zefnb against its peers, side by side in one run."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from bench import machine, markdown, plot, report
from bench.load import compile_programs
from bench.measure import Measure, Result, Settings, take
from bench.measures import MEASURES
from bench.systems import ALL, BenchError


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    names = ", ".join(measure.name for measure in MEASURES)
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__, epilog=f"measures: {names}")
    parser.add_argument("--only", action="append", metavar="NAME", help="only this measure or its family; repeatable")
    parser.add_argument("--rounds", type=int, default=0, metavar="N", help="rounds of each measure (default 5)")
    parser.add_argument("--seconds", type=float, default=1.0, metavar="S", help="length of each sample (default 1)")
    parser.add_argument(
        "--again",
        type=Path,
        action="append",
        metavar="FILE",
        help="measure nothing, show the tables of a --json file; repeatable",
    )
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="also write the tables to FILE")
    parser.add_argument("--plots", type=Path, metavar="DIR", help="draw the measured curves there, as SVG")
    parser.add_argument("--quick", action="store_true", help="short and rough: 2 rounds of 0.3 s")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every sample to FILE")
    given = parser.parse_args(argv)
    if given.rounds < 0:
        parser.error("--rounds: at least 1")
    given.measures = _chosen(given.only)
    if not given.measures:
        parser.error(f"--only {' '.join(given.only)}: known measures: {names}")
    return given


def _chosen(only: list[str] | None) -> list[Measure]:
    """`fanout` selects fanout-1, fanout-10 and fanout-50; `publish-sockets` selects only itself."""
    if not only:
        return [measure for measure in MEASURES if not measure.curve]
    exact = [measure for measure in MEASURES if measure.name in only]
    families = [name for name in only if name not in {measure.name for measure in exact}]
    return [m for m in MEASURES if m in exact or m.name.split("-")[0] in families]


def _settings(given: argparse.Namespace) -> Settings:
    if given.quick:
        return Settings(rounds=given.rounds or 2, seconds=0.3, warm=0.1, quick=True)
    return Settings(rounds=given.rounds or 5, seconds=given.seconds)


def main(argv: Sequence[str] | None = None) -> int:
    given = _arguments(argv)
    console = Console(soft_wrap=not sys.stdout.isatty(), width=None if sys.stdout.isatty() else 140)
    results = _shown_again(given.again, console) if given.again else _measured(given, console)
    if results is None:
        return 2
    console.print(report.verdicts(results))
    if given.plots:
        for result in results:
            if result.measure.curve:
                (given.plots / f"{result.measure.name}.svg").write_text(plot.draw(result))
    if given.markdown:
        given.markdown.write_text(markdown.write(results))
    return int(report.show_faults(console, results))


def _shown_again(files: list[Path], console: Console) -> list[Result]:
    results = [report.from_data(data, MEASURES) for file in files for data in json.loads(file.read_text())]
    for result in results:
        console.print(report.table(result))
    return results


def _measured(given: argparse.Namespace, console: Console) -> list[Result] | None:
    settings = _settings(given)
    console.print("\n".join(machine.describe()), style="dim", highlight=False)
    for warning in machine.warnings():
        console.print(f"note: {warning}", style="yellow", highlight=False)
    for system in ALL:
        if absent := system.missing():
            console.print(f"MISSING PEER {system.name}: pip install {' '.join(absent)}", style="bold red")
    try:
        compile_programs()
    except BenchError as error:
        console.print(str(error), style="bold red")
        return None
    console.print(
        f"{settings.rounds} rounds of {settings.seconds} s, interleaved: median and least-most; "
        "ratios are computed round by round.\n",
        highlight=False,
    )
    results: list[Result] = []
    for measure in given.measures:
        with console.status(measure.name, refresh_per_second=2) as status:
            results.append(take(measure, settings, status.update))
        console.print(report.table(results[-1]))
        if given.json:  # after each measure, so that an interrupted run keeps its samples
            given.json.write_text(json.dumps([report.as_data(result) for result in results], indent=1))
    return results


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("interrupted; all running servers and loads have been ended")
