"""`%zef kick`"""

from __future__ import annotations

import argparse

from zefnb.core.effect import FX
from zefnb.notebook.command_line.command import Command, Context, Parser, count, takes_channel, token_value


class Kick(Command):
    """Close the connection of one client, after all messages that were sent to it. The rest of the line is the reason.

    %zef kick 3 be nice"""

    name = "kick"
    rest = "reason"
    before_rest = 1

    def arguments(self, parser: Parser) -> None:
        takes_channel(parser)
        parser.add_argument("--code", type=count, default=1000, help="the close code (1000)")

    def run(self, given: argparse.Namespace, context: Context) -> None:
        context.run(
            FX.CloseWebSocketConnection(
                http_server=context.server(given.server),
                channel_id=given.channel,
                code=given.code,
                reason=str(token_value(given.reason) or ""),
            )
        )


COMMAND = Kick()
