"""The row of a connected client in the results of queries."""

from __future__ import annotations

from typing import Any

from zefnb.net.http.event_connection import EventConnection
from zefnb.net.websocket.connection import Connection


def client_row(client: Connection | EventConnection) -> dict[str, Any]:
    """Return what is known of a client; its `user` only on a server with logins."""
    login = {} if client.visitor is None else {"user": client.visitor.user and dict(client.visitor.user)}
    return {
        **login,
        "channel_id": client.channel_id,
        "client_ip": client.client_ip,
        "connect_time": client.connect_time,
        "path": client.path,
        "origin": client.origin,
        "host": client.host,
        "actor": client.actor.handle if client.actor is not None else None,
        "sent": client.sent,
        "received": client.received,
        "queued": client.queued,
        "dropped": client.dropped,
        "ignored": client.ignored,
        "round_trip": client.round_trip,
    }
