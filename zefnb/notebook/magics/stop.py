"""`%zef stop`"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from zefnb.core.effect import FX, NOT_RUN, Effect
from zefnb.core.entity import Actor, Subscription, Success, Timer, WebSocketClient
from zefnb.notebook.command_line.command import Command, Context, Parser, stoppable
from zefnb.notebook.command_line.line import LineError

_STOPS: dict[Any, tuple[str, Callable[[Any], Effect]]] = {
    Actor: ("actor", lambda handle: FX.StopActor(actor=handle)),
    Timer: ("timer", lambda handle: FX.StopTimer(timer=handle)),
    WebSocketClient: ("outward client", lambda handle: FX.StopWebSocketClient(client=handle)),
    Subscription: ("subscription", lambda handle: FX.Unsubscribe(subscription=handle)),
}


class Stop(Command):
    """Stop a server, by name or port; by default the only running one.

    %zef stop NAME also stops an actor, a timer, an outward client or a subscription."""

    name = "stop"

    def arguments(self, parser: Parser) -> None:
        parser.add_argument("what", nargs="?", type=stoppable, help="a name or a port")
        parser.add_argument("--all", action="store_true", help="all servers")

    def run(self, given: argparse.Namespace, context: Context) -> Any:
        found = context.named(given.what)
        if isinstance(found, Success):
            # `FX.SubscribeFX` returns an `ET.Success` with the handle.
            found = getattr(found, "subscription", found)
        if isinstance(found, Effect):
            raise LineError(f"{given.what}: {type(found)!r} is not running; {NOT_RUN}")
        kind, stop = _STOPS.get(type(found), ("", None))
        if stop is not None:
            context.run(stop(found))
            print(f"stopped the {kind} {given.what}")
            return
        for handle in context.servers() if given.all else [context.server(given.what)]:
            context.run(FX.StopHTTPServer(server=handle))
            print(f"stopped the server on port {handle.port}")


COMMAND = Stop()
