"""`%zef url`"""

from __future__ import annotations

import argparse
from typing import Any

from zefnb.core.effect import FX
from zefnb.notebook.command import Command, Context, Parser, path, server
from zefnb.notebook.links import public_url


class Url(Command):
    """The url under which a browser reaches a path of a server, as a link, and as text in a name.

    Under a hub it is a path, which is right on the hub's own pages."""

    name = "url"

    def arguments(self, parser: Parser) -> None:
        parser.add_argument("what", nargs="*", help="a path, a server by name or port, or both")

    def run(self, given: argparse.Namespace, context: Context) -> Any:
        where, which = "/", None
        for word in given.what:
            if str(word).startswith("/"):
                where = path(word)
            else:
                which = server(word)
        handle = context.server(which)
        endpoints = context.run(FX.QueryAllWebsocketEndpoints(http_server=handle))
        sockets = {endpoint["path"] for endpoint in endpoints}
        return public_url(handle, where, websocket=(where.rstrip("/") or "/") in sockets)


COMMAND = Url()
