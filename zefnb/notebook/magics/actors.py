"""`%zef actors`"""

from __future__ import annotations

import argparse
from typing import Any

from zefnb.core.effect import FX
from zefnb.core.entity import Actor
from zefnb.notebook.command_line.command import Command, Context, Parser, variable
from zefnb.notebook.command_line.line import LineError


class Actors(Command):
    """The actors that run by themselves: what they have handled, what waits, faults, state in short.

    %zef actors NAME returns the state of one, in full."""

    name = "actors"

    def arguments(self, parser: Parser) -> None:
        parser.add_argument("actor", nargs="?", type=variable, help="a name bound to an actor")

    def run(self, given: argparse.Namespace, context: Context) -> Any:
        if given.actor is None:
            from zefnb.notebook.magics.overview import overview

            return overview()["actors"]
        found = context.named(given.actor)
        if not isinstance(found, Actor):
            raise LineError(f"{given.actor}: no name of an actor")
        return context.run(FX.QueryActorState(actor=found))[found]


COMMAND = Actors()
