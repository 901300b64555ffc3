"""`%zef leave`"""

from __future__ import annotations

import argparse

from zefnb.core.effect import FX
from zefnb.notebook.command_line.command import Command, Context, Parser


class Leave(Command):
    """Leave the cluster: share no topics any more. Messages that wait for the broker are sent first."""

    name = "leave"

    def arguments(self, parser: Parser) -> None:
        pass

    def run(self, given: argparse.Namespace, context: Context) -> None:
        context.run(FX.LeaveCluster())
        print("left the cluster; topics are not shared any more")


COMMAND = Leave()
