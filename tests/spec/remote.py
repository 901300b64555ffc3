"""A remote WebSocket server of another make: TLS, its own certificate, and a proxy that leads its name to it."""

from __future__ import annotations

import contextlib
import os
import ssl
import tempfile
import threading
from pathlib import Path
from typing import Any

import trustme
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from tests.net.client.tunnel import Tunnel


def start_remote(host: str) -> list[Any]:
    """Let `host` resolve to a local TLS echo server whose certificate this process trusts; return what it receives."""
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
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.environ["https_proxy"] = Tunnel(server.socket.getsockname()[1]).url
    return heard
