"""`%zef log`"""

from __future__ import annotations

import argparse
from typing import Any

from zefnb.core.effect import FX
from zefnb.engine.journal import LEVELS
from zefnb.notebook.command_line.command import Command, Context, Parser, count, server


class Log(Command):
    """List the journal, the newest entry first: notes, faults, and the lines that handlers printed.

    %zef log --access shows the requests to servers that were started with logging=True."""

    name = "log"

    def arguments(self, parser: Parser) -> None:
        parser.add_argument("server", nargs="?", type=server, help="only the entries of this server, by name or port")
        parser.add_argument("-n", "--limit", type=count, default=50, help="the greatest number of entries (50)")
        parser.add_argument("--access", action="store_true", help="the requests to servers with logging=True")
        parser.add_argument("--level", choices=LEVELS, default="debug", help="the lowest level to show")

    def run(self, given: argparse.Namespace, context: Context) -> Any:
        kind = "access" if given.access else "journal"
        of = {"server": context.server(given.server)} if given.server is not None else {}
        return context.run(FX.QueryLog(limit=given.limit, level=str(given.level), kind=kind, **of))


COMMAND = Log()
