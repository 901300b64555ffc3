"""`%zef send`"""

from __future__ import annotations

import argparse

from zefnb.engine.runtime import default_runtime
from zefnb.errors import NotRunning
from zefnb.notebook.command_line.command import Command, Context, Parser, takes_channel, token_value
from zefnb.notebook.command_line.line import LineError


class Send(Command):
    """Send the rest of the line to one client: text, or the value of {expr} or $name if it is nothing else.

    %zef send 3 hello, you"""

    name = "send"
    rest = "message"
    before_rest = 1

    def arguments(self, parser: Parser) -> None:
        takes_channel(parser)

    def run(self, given: argparse.Namespace, context: Context) -> None:
        if given.message is None:
            raise LineError("the message is missing (%zef send -h shows the usage)")
        from zefnb.core.wire import encode_content
        from zefnb.net.http.servers import Servers
        from zefnb.notebook.overview import on_loop

        handle, content, runtime = context.server(given.server), token_value(given.message), default_runtime()
        encode_content(content, "null")  # raises here, so that the error is not only in the log

        def deliver() -> None:
            client = runtime.service(Servers).get(handle).client(given.channel)
            if client is None:
                raise NotRunning(f"no client {given.channel} is connected")
            client.deliver(content)

        on_loop(runtime, deliver)


COMMAND = Send()
