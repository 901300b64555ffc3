"""The table of the running servers, with their routes."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from zefnb.core.effect import FX
from zefnb.engine.perform import perform
from zefnb.engine.runtime import Runtime
from zefnb.net.http.server import Server
from zefnb.net.http.servers import Servers as Running
from zefnb.notebook.display.columns import Column
from zefnb.notebook.overview import route_names
from zefnb.notebook.watch.requests import Request
from zefnb.notebook.watch.table import Action, Table


async def stop_server(runtime: Runtime, server: Server, request: Request) -> str:
    """Stop a server, and wait until it has closed its connections."""
    await perform(runtime, FX.StopHTTPServer(server=server.handle))
    return f"stopped the server on port {server.port}"


class Servers(Table[Server]):
    """The table of the running servers."""

    noun = "server"
    empty = "no server is running"
    columns = (
        Column("server", "server", "value", lambda row: row.handle, fixed=True, width=150, keep=2),
        Column("port", "port", "id", fixed=True, width=50, keep=10),
        Column("routes", "routes", "list", route_names, width=120, grow=3, keep=8),
        Column("clients", "clients", "number", lambda row: len(row.clients()), width=60, keep=9),
        Column("refused", "refused", "number", width=60, keep=6, highlight_above=0, optional=True),
        Column("started", "since", "time", fixed=True, width=60, keep=5),
        Column("version", "version", "id", width=56, keep=3),
        Column("allow_external_requests", "external", "flag", fixed=True, width=60, keep=4),
    )
    actions = (Action("stop", "Stop server", stop_server, question="Really stop?"),)

    def rows(self, runtime: Runtime) -> Iterable[Server]:
        return runtime.service(Running)

    def key(self, row: Server) -> Hashable:
        return row.place

    def title(self, row: Server) -> str:
        return f"Server on port {row.port}"


TABLE = Servers()
