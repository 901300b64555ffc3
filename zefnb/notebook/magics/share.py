"""`%zef share`"""

from __future__ import annotations

import argparse
from typing import Any

from zefnb.notebook.command_line.command import Command, Context, Parser
from zefnb.notebook.links.sharing import shared


class Share(Command):
    """The links by which people on the same networks reach a server, as text and as QR codes.

    %zef share, %zef share server, %zef share 8000

    It shows what still prevents access, and the one change that fixes it. The link contains no login."""

    name = "share"

    def arguments(self, parser: Parser) -> None:
        parser.add_argument("server", nargs="?", help="a server by name or port; by default the only one")

    def run(self, given: argparse.Namespace, context: Context) -> Any:
        return shared(context.server(given.server))


COMMAND = Share()
