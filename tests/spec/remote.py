"""A remote WebSocket server of another make: TLS, a certificate of its own, and a name that leads to it."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import tempfile
import threading
from pathlib import Path
from typing import Any

import trustme
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve


def start_remote(host: str) -> list[Any]:
    """Have `host`:443 lead to a local TLS echo server whose certificate this process trusts; answers what it hears."""
    authority = trustme.CA()
    trusted = Path(tempfile.mkdtemp()) / "ca.pem"
    authority.cert_pem.write_to_path(trusted)
    os.environ["SSL_CERT_FILE"] = str(trusted)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host).configure_cert(context)
    heard: list[Any] = []

    def echo(connection: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):  # the client may leave before its echo
            for message in connection:
                heard.append(message)
                connection.send(message)

    server = serve(echo, "127.0.0.1", 0, ssl=context)
    port = server.socket.getsockname()[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    resolve = socket.getaddrinfo

    def resolve_here(name: Any, service: Any, *args: Any, **options: Any) -> Any:
        if name in (host, host.encode()):
            assert int(service) == 443
            name, service = "127.0.0.1", port
        return resolve(name, service, *args, **options)

    socket.getaddrinfo = resolve_here
    return heard
