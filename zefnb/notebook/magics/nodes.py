"""`%zef nodes`"""

from __future__ import annotations

import argparse
from typing import Any

from zefnb.core.effect import FX
from zefnb.notebook.command_line.command import Command, Context, Parser


class Nodes(Command):
    """List the nodes of the cluster: a list of dicts, which is shown as a table.

    "behind" is the time between the newest message and the newest one that the node has read.
    %zef watch nodes shows a live table."""

    name = "nodes"

    def arguments(self, parser: Parser) -> None:
        pass

    def run(self, given: argparse.Namespace, context: Context) -> Any:
        return context.run(FX.QueryCluster())


COMMAND = Nodes()
