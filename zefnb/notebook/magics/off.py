"""`%zef off`"""

from __future__ import annotations

import argparse

from zefnb.notebook.command_line.command import Command, Context, Parser, topic
from zefnb.notebook.command_line.line import LineError
from zefnb.notebook.magics import on


class Off(Command):
    """End %%zef on TOPIC and %zef tail TOPIC."""

    name = "off"

    def arguments(self, parser: Parser) -> None:
        parser.add_argument("topic", type=topic, help="the name of the topic, or of a variable with it")

    def run(self, given: argparse.Namespace, context: Context) -> None:
        if not on.end(context.topic(given.topic), context):
            known = ", ".join(on.known()) or "none"
            raise LineError(f"no cell is subscribed to {given.topic}; topics with such a cell: {known}")


COMMAND = Off()
