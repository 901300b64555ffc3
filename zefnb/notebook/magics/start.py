"""`%zef start`"""

from __future__ import annotations

import argparse
from typing import Any

from zefnb.core.effect import FX, Effect
from zefnb.core.entity import ET
from zefnb.core.function import ZefFunction
from zefnb.errors import PortUnavailable
from zefnb.notebook.command_line.command import Command, Context, Parser, is_given, path, port, topic, variable
from zefnb.notebook.command_line.line import LineError

_TOPICS = (
    ("--topic", "topic", "clients publish to this topic, and receive its messages"),
    ("--in", "into", "clients publish to this topic"),
    ("--out", "out", "clients receive the messages of this topic"),
)


class Start(Command):
    """Start a server with a WebSocket route, and return its handle.

    %zef start /ws --topic chat            clients get the topic's messages, and publish to it
    %zef start /feed --out news            clients only get messages; with --in they only publish
    %zef start /echo --actor make_actor    an actor for each client; make_actor is an
                                           FX.StartActor(...) or a dict of rules

    Each of --topic, --in and --out may be given several times.
    Running the cell again replaces the server, and keeps its port."""

    name = "start"

    def arguments(self, parser: Parser) -> None:
        parser.add_argument("path", nargs="?", type=path, default="/ws", help="the route (/ws)")
        parser.add_argument("--port", type=port, default=8000, help="the port (8000); 0: a free one")
        for option, dest, use in _TOPICS:
            parser.add_argument(option, dest=dest, type=topic, metavar="TOPIC", action="append", default=[], help=use)
        parser.add_argument("--actor", type=variable, metavar="NAME", help="an actor for each connection")
        parser.add_argument("--name", type=variable, help="also assign the handle to this variable")
        parser.add_argument("--external", action="store_true", help="listen in the network, not only on this machine")
        parser.add_argument("--restart", action="store_true", help="replace the server of zefnb that uses the port")

    def run(self, given: argparse.Namespace, context: Context) -> Any:
        if given.name is not None and (is_given(given.name) or not given.name.isidentifier()):
            raise LineError(f"--name {given.name} is not a name; give the name of a variable")
        effect = FX.StartHTTPServer(
            routes={given.path: _socket(given, context)},
            port=given.port,
            allow_restart=given.restart,
            allow_external_requests=given.external,
        )
        try:
            server = context.run(effect)
        except PortUnavailable as error:
            raise LineError(str(error.strerror).replace("pass allow_restart=True", "add --restart")) from None
        if given.name is not None:
            context.bind(given.name, server)
        return server


def _socket(given: argparse.Namespace, context: Context) -> Any:
    if given.actor is not None:
        if given.topic or given.into or given.out:
            raise LineError("--actor cannot be combined with --topic, --in or --out")
        return ET.WebSocket(actor=_actor(given.actor, context))
    into = [context.topic(name) for name in (*given.topic, *given.into)]
    out = [context.topic(name) for name in (*given.topic, *given.out)]
    if not into and not out:
        raise LineError("the route has no topic or actor: give --topic, --in, --out or --actor (-h shows the usage)")
    topics = {"clients_push_into_": into, "clients_subscribe_to": out}
    return ET.WebSocket(**{field: given for field, given in topics.items() if given})


def _actor(name: Any, context: Context) -> Any:
    found = context.named(name)
    if isinstance(found, Effect):
        return found
    if isinstance(found, dict | list):
        return FX.StartActor(initial_state=None, rules=found)
    if isinstance(found, ZefFunction) or (callable(found) and not isinstance(found, str)):
        return FX.StartActor(initial_state=None, handler=found)
    raise LineError(f"--actor {name} is not an FX.StartActor(...), a dict of rules or a handler")


COMMAND = Start()
