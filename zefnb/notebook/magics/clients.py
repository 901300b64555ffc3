"""`%zef clients`"""

from __future__ import annotations

import argparse
from typing import Any

from zefnb.core.effect import FX
from zefnb.core.rows import Rows
from zefnb.net.http.routes import normal_path
from zefnb.notebook.command_line.command import Command, Context, Parser, takes_endpoint
from zefnb.notebook.magics.watch import target


class Clients(Command):
    """List the connected clients: a list of dicts, which is shown as a table.

    %zef clients, %zef clients 8000, %zef clients /ws, %zef clients server/ws"""

    name = "clients"

    def arguments(self, parser: Parser) -> None:
        takes_endpoint(parser)

    def run(self, given: argparse.Namespace, context: Context) -> Any:
        handle, path = target(given.what, context)
        rows: list[dict[str, Any]] = []
        for server in [handle] if handle is not None else context.servers():
            rows += context.run(FX.QueryAllConnectedWebsocketClients(http_server=server))
        route = None if path is None else normal_path(path)
        return Rows("clients", (row for row in rows if route in (None, row["path"])))


COMMAND = Clients()
