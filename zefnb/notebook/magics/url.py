"""`%zef url`"""

from __future__ import annotations

import argparse
from typing import Any

from zefnb.core.effect import FX
from zefnb.net.http.routes import normal_path
from zefnb.notebook.command_line.command import Command, Context, Parser, place
from zefnb.notebook.links.links import public_url
from zefnb.notebook.magics.watch import split_place


class Url(Command):
    """Return the url by which a browser reaches a path of a server: a link, which is also a str.

    %zef url, %zef url /ws, %zef url server/ws, %zef url server /ws

    Under a hub it is a path, which is correct on the hub's own pages."""

    name = "url"

    def arguments(self, parser: Parser) -> None:
        parser.add_argument("what", nargs="*", type=place, help="a path, a server by name or port, or both")

    def run(self, given: argparse.Namespace, context: Context) -> Any:
        handle, where = None, "/"
        for word in given.what:
            server, path = split_place(word, context)
            handle, where = server or handle, path or where
        handle = handle or context.server()
        endpoints = context.run(FX.QueryAllWebsocketEndpoints(http_server=handle))
        sockets = {endpoint["path"] for endpoint in endpoints if endpoint["mode"] != "page"}
        return public_url(handle, where, websocket=normal_path(where) in sockets)


COMMAND = Url()
