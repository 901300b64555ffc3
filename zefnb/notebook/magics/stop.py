"""`%zef stop`"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from zefnb.core.effect import FX, NOT_RUN, Effect
from zefnb.core.entity import Actor, Replay, Subscription, Success, Timer, WebSocketClient
from zefnb.notebook.command_line.command import Command, Context, Parser, stoppable
from zefnb.notebook.command_line.line import LineError
from zefnb.notebook.display.handles import described

_STOPS: dict[Any, tuple[str, Callable[[Any], Effect]]] = {
    Actor: ("actor", lambda handle: FX.StopActor(actor=handle)),
    Timer: ("timer", lambda handle: FX.StopTimer(timer=handle)),
    Replay: ("replay", lambda handle: FX.StopReplay(replay=handle)),
    WebSocketClient: ("outward client", lambda handle: FX.StopWebSocketClient(client=handle)),
    Subscription: ("subscription", lambda handle: FX.Unsubscribe(subscription=handle)),
}


class Stop(Command):
    """Stop a server, by name or port; by default the only running one.

    %zef stop NAME also stops an actor, a timer, a replay, an outward client or a subscription."""

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
            _stop(context, found, stop(found), f"the {kind} {given.what}")
            return
        for handle in context.servers() if given.all else [context.server(given.what)]:
            _stop(context, handle, FX.StopHTTPServer(server=handle), f"the server on port {handle.port}")


def _stop(context: Context, handle: Any, effect: Effect, what: str) -> None:
    """Perform an effect that stops, and print what it has stopped."""
    found = described(handle)
    if found is not None and not found.runs:
        print(f"{what} has already been stopped")
        return
    context.run(effect)
    print(f"stopped {what}")


COMMAND = Stop()
