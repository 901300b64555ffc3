"""Rows of the WebSocket clients of this process, for the queries of other nodes."""

from __future__ import annotations

from typing import Any

from zefnb.engine.runtime import Runtime
from zefnb.net.http.client_row import client_row
from zefnb.net.http.routes import normal_path
from zefnb.net.http.servers import Servers


def client_rows(runtime: Runtime, path: Any) -> list[dict[str, Any]]:
    """Return a row for each client, or for those of the routes with this path."""
    wanted = None if path is None else normal_path(path)
    return [
        client_row(client)
        for server in runtime.service(Servers)
        for client in server.clients()
        if wanted is None or client.endpoint.path == wanted
    ]
