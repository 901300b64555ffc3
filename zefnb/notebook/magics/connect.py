"""`%zef connect`"""

from __future__ import annotations

import argparse
from typing import Any

from zefnb.core.effect import FX
from zefnb.notebook.command import Command, Context, Parser, topic
from zefnb.notebook.line import LineError


class Connect(Command):
    """Connect outward to a WebSocket server, and answer the client's handle.

    %zef connect wss://feed.example/ws --in prices     what it says is published to the topic
    %zef connect ws://localhost:8000/ws --in a --out b

    Running the cell again replaces the connection; %zef stop NAME ends it."""

    name = "connect"

    def arguments(self, parser: Parser) -> None:
        parser.add_argument("url", help="ws://... or wss://...")
        parser.add_argument("--in", dest="into", type=topic, metavar="TOPIC", help="what comes in goes here")
        parser.add_argument("--out", type=topic, metavar="TOPIC", help="what is published here goes out")

    def run(self, given: argparse.Namespace, context: Context) -> Any:
        if not given.into and not given.out:
            raise LineError("say where messages go: --in TOPIC, --out TOPIC, or both")
        topics = {}
        if given.into:
            topics["in_stream_into"] = [context.topic(given.into)]
        if given.out:
            topics["out_stream_from"] = [context.topic(given.out)]
        return context.run(FX.StartWebSocketClient(url=str(given.url), **topics))


COMMAND = Connect()
