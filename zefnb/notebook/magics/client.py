"""`%zef client`"""

from __future__ import annotations

import argparse
from typing import Any

from zefnb.core.effect import FX
from zefnb.net.http.routes import normal_path
from zefnb.notebook.command_line.command import Command, Context, Parser, server, socket_path
from zefnb.notebook.command_line.line import LineError
from zefnb.notebook.links.links import public_url


class Client(Command):
    """Show a chat client under the cell. It connects from the browser, by the server's public link."""

    name = "client"

    def arguments(self, parser: Parser) -> None:
        parser.add_argument("path", nargs="?", type=socket_path, help="the WebSocket route (default: the only one)")
        parser.add_argument("--server", type=server, help="a server by name or port")

    def run(self, given: argparse.Namespace, context: Context) -> Any:
        handle = context.server(given.server)
        endpoints = context.run(FX.QueryAllWebsocketEndpoints(http_server=handle))
        sockets = [endpoint["path"] for endpoint in endpoints if endpoint["mode"] != "page"]
        wanted = given.path or (sockets[0] if len(sockets) == 1 else None)
        if wanted is None or normal_path(wanted) not in sockets:
            problem = f"{wanted} is not a WebSocket route" if wanted else "name the route"
            raise LineError(f"{problem}; routes: {', '.join(sockets) or 'none'}")
        url = public_url(handle, wanted, websocket=True)
        if not context.is_notebook:
            raise LineError(f"this needs a notebook; connect from elsewhere to {url}")
        from zefnb.notebook.widgets.chat_client import shown_client

        return shown_client(handle, str(url))


COMMAND = Client()
