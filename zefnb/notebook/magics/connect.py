"""`%zef connect`"""

from __future__ import annotations

import argparse
from typing import Any

from zefnb.core.effect import FX
from zefnb.notebook.command_line.command import Command, Context, Parser, topic
from zefnb.notebook.command_line.line import LineError


class Connect(Command):
    """Connect outward to a WebSocket server, and answer the client's handle.

    %zef connect wss://feed.example/ws --in prices     what it says is published to the topic
    %zef connect ws://localhost:8000/ws --in a --out b

    Running the cell again replaces the connection; %zef stop NAME ends it."""

    name = "connect"

    def arguments(self, parser: Parser) -> None:
        parser.add_argument("url", help="ws://... or wss://...")
        for option, dest, what in (
            ("--in", "into", "what comes in goes here"),
            ("--out", "out", "what is published here goes out"),
        ):
            parser.add_argument(option, dest=dest, type=topic, metavar="TOPIC", action="append", default=[], help=what)

    def run(self, given: argparse.Namespace, context: Context) -> Any:
        if not given.into and not given.out:
            raise LineError("say where messages go: --in TOPIC, --out TOPIC, or both")
        topics = {}
        if given.into:
            topics["in_stream_into"] = [context.topic(name) for name in given.into]
        if given.out:
            topics["out_stream_from"] = [context.topic(name) for name in given.out]
        return context.run(FX.StartWebSocketClient(url=str(given.url), **topics))


COMMAND = Connect()
