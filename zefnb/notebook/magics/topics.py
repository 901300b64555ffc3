"""`%zef topics`"""

from __future__ import annotations

import argparse
from typing import Any

from zefnb.notebook.command_line.command import Command, Context, Parser


class Topics(Command):
    """List the topics with subscribers: the subscribers, the messages published, and the messages per second."""

    name = "topics"

    def arguments(self, parser: Parser) -> None:
        parser.add_argument("--graph", action="store_true", help="list each binding with its source and its target")

    def run(self, given: argparse.Namespace, context: Context) -> Any:
        if given.graph:
            from zefnb.core.effect import FX

            return context.run(FX.StreamGraphSnapshot())
        from zefnb.notebook.magics.overview import overview

        return overview()["topics"]


COMMAND = Topics()
