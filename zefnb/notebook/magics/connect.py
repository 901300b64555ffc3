"""`%zef connect`"""

from __future__ import annotations

import argparse
import re
from typing import Any

from zefnb.core.effect import FX
from zefnb.notebook.command_line.command import Command, Context, Parser, count, is_given, topic
from zefnb.notebook.command_line.line import LineError, expanded

# The second alternative is text: an escaped reference.
_VARIABLE = re.compile(r"\$\$\w+|\$([A-Za-z_]\w*)")


class Connect(Command):
    """Connect outward to a WebSocket server, and return the client's handle.

    %zef connect wss://feed.example/ws --in prices     its messages are published to the topic
    %zef connect ws://localhost:8000/ws --in a --out b
    %zef connect wss://feed.example/ws --in prices --header "Authorization: Bearer $token"
    %zef connect ws://localhost:8000/ws --in a --wait 30     retry for 30 s until a server listens there

    Running the cell again replaces the connection; %zef stop NAME ends it."""

    name = "connect"

    def arguments(self, parser: Parser) -> None:
        parser.add_argument("url", help="ws://... or wss://...")
        for option, dest, use in (
            ("--in", "into", "publish received messages to this topic"),
            ("--out", "out", "send the messages of this topic"),
        ):
            parser.add_argument(option, dest=dest, type=topic, metavar="TOPIC", action="append", default=[], help=use)

        parser.add_argument(
            *("-H", "--header"),
            dest="headers",
            type=header,
            metavar='"NAME: VALUE"',
            action="append",
            default=[],
            help="a header of the handshake; $name keeps a secret out of the cell",
        )
        parser.add_argument("--wait", type=count, default=0, metavar="SECONDS", help="retry the first connection (0)")

    def run(self, given: argparse.Namespace, context: Context) -> Any:
        if not given.into and not given.out:
            raise LineError("a topic is missing: give --in TOPIC, --out TOPIC, or both")
        topics = {}
        if given.into:
            topics["in_stream_into"] = [context.topic(name) for name in given.into]
        if given.out:
            topics["out_stream_from"] = [context.topic(name) for name in given.out]
        headers = [_pair(token, context) for token in given.headers]
        return context.run(FX.StartWebSocketClient(url=str(given.url), wait=given.wait, headers=headers, **topics))


def header(token: str) -> str:
    """Check a header in curl's form, `Name: value`. The error does not have its text, which can be a secret."""
    name, colon, _ = str(token).partition(":")
    if not colon or not name.strip():
        raise argparse.ArgumentTypeError('this is not a header; write "Name: value"')
    return token


def _pair(token: str, context: Context) -> tuple[str, str]:
    """Return the name and the value. `$name` is a variable in a quoted header, too, because headers contain spaces."""
    if not is_given(token):
        _check_variables(token, context)
        token = expanded(token, context.names)
    name, _, value = str(token).partition(":")
    return name.strip(), value.strip()


def _check_variables(text: str, context: Context) -> None:
    """Raise `LineError` for a `$name` without a variable: its text would be sent instead of the secret."""
    for name in _VARIABLE.findall(text):
        if name and name not in context.names:
            advice = f"{name} = os.environ[{name!r}] reads it from the environment; $${name} is the text itself"
            raise LineError(f"argument -H/--header: there is no variable {name}; {advice}")


COMMAND = Connect()
