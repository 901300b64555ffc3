"""`%zef plot`"""

from __future__ import annotations

import argparse
import math
from typing import Any

from zefnb.core.entity import HTTPServer
from zefnb.notebook.command_line.command import Command, Context, Parser, plotted


class Plot(Command):
    """Show a live chart of the messages of a topic, or of the figures of a server; in a terminal, until Ctrl-C.

    %zef plot feed, %zef plot feed --y value, %zef plot feed --x time --y low high --by sensor --window 120

    %zef plot server: its messages a second, clients, queued bytes and round trips. Running the cell again replaces
    the chart."""

    name = "plot"

    def arguments(self, parser: Parser) -> None:
        parser.add_argument("source", type=plotted, help="the name of a topic, of a variable with it, or of a server")
        parser.add_argument(
            "--y", nargs="+", metavar="FIELD", help="the fields for the lines (the message is a number)"
        )
        parser.add_argument("--x", metavar="FIELD", help="the field for the horizontal axis (the time of arrival)")
        parser.add_argument("--by", metavar="FIELD", help="a field whose values get a line each")
        parser.add_argument("--window", type=_width, help="the width of the horizontal axis, such as its seconds (all)")

    def run(self, given: argparse.Namespace, context: Context) -> Any:
        from zefnb.notebook.plot.plot import plot

        found = context.named(given.source)
        source = found if isinstance(found, HTTPServer) else context.topic(given.source)
        y = list(map(_name, given.y)) if given.y else None
        x, by = (None if field is None else _name(field) for field in (given.x, given.by))
        return plot(source, y, x=x, by=by, window=given.window)


def _name(token: Any) -> str:
    return str(token)


def _width(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not (math.isfinite(found) and found > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return found


COMMAND = Plot()
