"""Negotiation: `websockets` checks a handshake that is not plain, and negotiates extensions and a subprotocol."""

from __future__ import annotations

from typing import Any, NamedTuple

from websockets.datastructures import Headers
from websockets.http11 import Request
from websockets.server import ServerProtocol

from zefnb.net.http.decision import Accepted, Reply
from zefnb.net.http.request_head import RequestHead
from zefnb.net.websocket.deflate import SteppedDeflateFactory
from zefnb.net.websocket.endpoint import Endpoint
from zefnb.net.websocket.frame_handler import QUIET, open_protocol


class Negotiated(NamedTuple):
    """The negotiated protocol, and the response that confirms it."""

    protocol: ServerProtocol
    response: bytes


def negotiate(head: RequestHead, accepted: Accepted) -> Negotiated | Reply:
    """Accept a handshake by RFC 6455, section 4.2. Returns a reply when it is invalid."""
    endpoint: Endpoint = accepted.value
    config = endpoint.config
    negotiation = ServerProtocol(
        extensions=[SteppedDeflateFactory()] if config.compression else None,
        subprotocols=config.subprotocols or None,  # type: ignore[arg-type]
        select_subprotocol=_select_subprotocol,
        logger=QUIET,
    )
    headers = Headers()
    for name, values in head.headers.items():
        for value in values:
            headers[name] = value
    response = negotiation.accept(Request(head.path, headers))
    if response.status_code != 101:
        # The sender of the reply adds its length and `Connection: close`.
        fields = ((name, value) for name, value in response.headers.raw_items() if name in ("Content-Type", "Upgrade"))
        return Reply(response.status_code, bytes(response.body or b""), tuple(fields))
    for name, value in accepted.visitor.headers:
        response.headers[name] = value
    protocol = open_protocol()
    protocol.extensions, protocol.subprotocol = negotiation.extensions, negotiation.subprotocol
    return Negotiated(protocol, response.serialize())


def _select_subprotocol(protocol: ServerProtocol, offered: Any) -> Any:
    """The server's first subprotocol that the client offers; a client that offers none of them gets none."""
    return next((name for name in protocol.available_subprotocols or () if name in offered), None)
