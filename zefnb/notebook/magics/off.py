"""`%zef off`"""

from __future__ import annotations

import argparse

from zefnb.notebook.command_line.command import Command, Context, Parser, topic
from zefnb.notebook.command_line.line import LineError
from zefnb.notebook.magics import on


class Off(Command):
    """End what %%zef on TOPIC or %zef tail TOPIC began."""

    name = "off"

    def arguments(self, parser: Parser) -> None:
        parser.add_argument("topic", type=topic, help="its name, or a name bound to it")

    def run(self, given: argparse.Namespace, context: Context) -> None:
        if not on.end(context.topic(given.topic), context):
            known = ", ".join(on.known()) or "nothing"
            raise LineError(f"no cell listens to {given.topic}; listened to: {known}")


COMMAND = Off()
