"""The messages that actors and observers receive when a client connects and when it leaves."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from zefnb.core.entity import ET, Entity
from zefnb.core.time import Time
from zefnb.net.pairs import lists_of
from zefnb.net.websocket.client_request import ClientRequest
from zefnb.net.websocket.page_port import Client

_NONE: Mapping[str, Any] = MappingProxyType({})


def connected_message(
    client: Client,
    server: Entity,
    request: ClientRequest,
    topics: Mapping[str, Any] = _NONE,
    headers: Mapping[str, Any] = _NONE,
) -> Any:
    """Return the `ET.WSClientConnected` of a client, with the topics of its actor and the headers."""
    return ET.WSClientConnected(
        client_ip=client.client_ip,
        path=client.path,
        query_params=dict(client.query_params),
        subprotocol=client.subprotocol,
        time=client.connect_time,
        **topics,
        **_origin(client),
        http_server=server,
        channel_id=client.channel_id,
        **headers,
        query_lists=lists_of(request.query),
        **({"path_params": request.path_params} if request.path_params else {}),
        **({} if client.visitor is None else {"user": client.visitor.user}),
    )


def disconnected_message(client: Client, server: Entity) -> Any:
    """Return the `ET.WSClientDisconnected` of a client."""
    return ET.WSClientDisconnected(
        client_ip=client.client_ip,
        path=client.path,
        time=Time.now(),
        **_origin(client),
        http_server=server,
        channel_id=client.channel_id,
        close_code=client.close_code,
    )


def _origin(client: Client) -> dict[str, str]:
    return {} if client.origin is None else {"origin": client.origin}
