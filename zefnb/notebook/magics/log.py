"""`%zef log`"""

from __future__ import annotations

import argparse
from typing import Any

from zefnb.core.effect import FX
from zefnb.engine.journal import LEVELS
from zefnb.notebook.command_line.command import Command, Context, Parser, count, server


class Log(Command):
    """What happened, the newest first: notes, faults, and what handlers printed.

    %zef log --access shows the requests to servers that were started with logging=True."""

    name = "log"

    def arguments(self, parser: Parser) -> None:
        parser.add_argument("server", nargs="?", type=server, help="of this server alone, by name or port")
        parser.add_argument("-n", "--limit", type=count, default=50, help="so many at most (50)")
        parser.add_argument("--access", action="store_true", help="the requests, of servers with logging=True")
        parser.add_argument("--level", choices=LEVELS, default="debug", help="the least to show")

    def run(self, given: argparse.Namespace, context: Context) -> Any:
        kind = "access" if given.access else "journal"
        of = {"server": context.server(given.server)} if given.server is not None else {}
        return context.run(FX.QueryLog(limit=given.limit, level=str(given.level), kind=kind, **of))


COMMAND = Log()
