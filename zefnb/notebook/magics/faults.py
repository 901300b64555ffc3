"""`%zef faults`"""

from __future__ import annotations

import argparse
from typing import Any

from zefnb.core.effect import FX
from zefnb.core.rows import Rows
from zefnb.notebook.command_line.command import Command, Context, Parser, count, server
from zefnb.notebook.display import html
from zefnb.notebook.display.tables import cell_text


class Faults(Command):
    """List the errors, the newest first, each with its traceback and its count."""

    name = "faults"

    def arguments(self, parser: Parser) -> None:
        parser.add_argument("server", nargs="?", type=server, help="only the errors of this server, by name or port")
        parser.add_argument("-n", "--limit", type=count, default=20, help="the greatest number of errors (20)")

    def run(self, given: argparse.Namespace, context: Context) -> Any:
        of = {"server": context.server(given.server)} if given.server is not None else {}
        return FaultRows(context.run(FX.QueryLog(limit=given.limit, level="error", **of)))


class FaultRows(Rows):
    """Faults, shown with their tracebacks."""

    __slots__ = ()

    def __init__(self, rows: Any) -> None:
        super().__init__("faults", rows)

    def __reduce__(self) -> Any:
        return FaultRows, (list(self),)

    def _repr_html_(self) -> str:
        parts = [
            html.tag(
                "details",
                html.tag("summary", html.tag("span", row["message"], cls="bad"), f" {_times(row)}{_such_as(row)}"),
                html.block(row.get("traceback", "")),
            )
            for row in self
        ]
        return html.page(*parts) if parts else html.page("no faults")

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        shown = [f"{row['message']}  {_times(row)}{_such_as(row)}\n{row.get('traceback', '')}".rstrip() for row in self]
        printer.text("\n\n".join(shown) or "no faults")


def _times(row: Any) -> str:
    often = f"x{row['count']:,}, last " if row["count"] > 1 else ""
    return f"({often}{cell_text('time', row['last'])})"


def _such_as(row: Any) -> str:
    examples = row.get("examples", [])
    return f"  such as {', '.join(examples)}" if len(examples) > 1 else ""


COMMAND = Faults()
