"""`%zef stop`"""

from __future__ import annotations

import argparse
from typing import Any

from zefnb.core.effect import FX
from zefnb.core.entity import Actor, Subscription, Timer, WebSocketClient
from zefnb.notebook.command_line.command import Command, Context, Parser, server


class Stop(Command):
    """Stop a server, by a name bound to it or its port; the only one that runs if none is named.

    A name bound to an actor, a timer, an outward client or a subscription stops that."""

    name = "stop"

    def arguments(self, parser: Parser) -> None:
        parser.add_argument("what", nargs="?", type=server, help="a name or a port")
        parser.add_argument("--all", action="store_true", help="every server")

    def run(self, given: argparse.Namespace, context: Context) -> Any:
        found = context.named(given.what)
        if isinstance(found, Actor):
            context.run(FX.StopActor(actor=found))
        elif isinstance(found, Timer):
            context.run(FX.StopTimer(timer=found))
        elif isinstance(found, WebSocketClient):
            context.run(FX.StopWebSocketClient(client=found))
        elif isinstance(found, Subscription):
            context.run(FX.Unsubscribe(subscription=found))
        else:
            for handle in context.servers() if given.all else [context.server(given.what)]:
                context.run(FX.StopHTTPServer(server=handle))
                print(f"stopped the server on port {handle.port}")


COMMAND = Stop()
