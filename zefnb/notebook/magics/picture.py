"""`%zef picture`"""

from __future__ import annotations

import argparse
from typing import Any

from zefnb.notebook.command_line.command import Command, Context


class Picture(Command):
    """Show a diagram of everything that runs, with live rates, errors and queues; in a terminal, until Ctrl-C.

    %zef picture"""

    name = "picture"

    def run(self, given: argparse.Namespace, context: Context) -> Any:
        from zefnb.notebook.picture.picture import picture

        return picture()


COMMAND = Picture()
