"""`%%zef page`"""

from __future__ import annotations

import argparse
from typing import Any

from zefnb.core.effect import FX
from zefnb.core.entity import ET
from zefnb.errors import PortUnavailable
from zefnb.notebook.cell_page import cell_page
from zefnb.notebook.command_line.command import Command, Context, Parser, path, port, server
from zefnb.notebook.links.links import public_url
from zefnb.text.controls import strip_controls


class Page(Command):
    """Serve the cell as an HTML page of the running server, and return its link.

    If no server is running, one is started on port 8000, or on a free port if 8000 is busy. Running the cell
    again changes the page while clients stay connected. The page belongs to the address of the server: it stays
    when the cell of the server runs again, and open pages reload then. Braces in the cell are not replaced."""

    name = "page"
    in_line = False
    in_cell = True

    def arguments(self, parser: Parser) -> None:
        parser.add_argument("path", nargs="?", type=path, default="/", help="the path (/)")
        parser.add_argument("--server", type=server, help="a server by name or port")
        parser.add_argument("--port", type=port, default=8000, help="the port, if a server is started (8000)")

    def run(self, given: argparse.Namespace, context: Context) -> Any:
        if given.server is None and not context.servers():
            handle = _started(given.port, context)
        else:
            handle = context.server(given.server)
        change = [ET.InsertIn(path=["routes", given.path], value=cell_page(given.cell), survives=True)]
        result = context.run(FX.UpdateRunningHTTPServer(server=handle, delta=change))
        if result["routes_updated"]:
            print(f"updated the page {strip_controls(given.path)} on port {handle.port}")
        return public_url(handle, given.path)


def _started(wanted: int, context: Context) -> Any:
    try:
        return context.run(FX.StartHTTPServer(routes={}, port=wanted))
    except PortUnavailable:
        handle = context.run(FX.StartHTTPServer(routes={}, port=0))
        print(f"port {wanted} is busy, so this is port {handle.port}")
        return handle


COMMAND = Page()
