"""`%zef actors`"""

from __future__ import annotations

import argparse
from typing import Any

from zefnb.core.effect import FX
from zefnb.core.entity import Actor
from zefnb.notebook.command_line.command import Command, Context, Parser, variable
from zefnb.notebook.command_line.line import LineError


class Actors(Command):
    """List the actors that do not belong to a connection: handled and waiting messages, faults, state in short.

    %zef actors NAME returns the complete state of one."""

    name = "actors"

    def arguments(self, parser: Parser) -> None:
        parser.add_argument("actor", nargs="?", type=variable, help="the name of a variable with an actor")

    def run(self, given: argparse.Namespace, context: Context) -> Any:
        if given.actor is None:
            from zefnb.notebook.magics.overview import overview

            return overview()["actors"]
        found = context.named(given.actor)
        if not isinstance(found, Actor):
            raise LineError(f"{given.actor} is not an actor; give the name of a variable with an actor")
        return context.run(FX.QueryActorState(actor=found))[found]


COMMAND = Actors()
