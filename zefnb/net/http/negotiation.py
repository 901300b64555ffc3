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
from zefnb.net.websocket.subprotocol import MARK, NAME


class Negotiated(NamedTuple):
    """The negotiated protocol, and the response that confirms it."""

    protocol: ServerProtocol
    response: bytes


def negotiate(head: RequestHead, accepted: Accepted) -> Negotiated | Reply:
    """Accept a handshake by RFC 6455, section 4.2. Returns a reply when it is invalid."""
    endpoint: Endpoint = accepted.value
    config = endpoint.config
    # A session lasts longer than what one connection has negotiated, so its frames are not compressed.
    has_session = config.session is None and offers(head, NAME)
    negotiation = ServerProtocol(
        extensions=[SteppedDeflateFactory()] if config.compression and not has_session else None,
        subprotocols=[NAME] if has_session else config.subprotocols or None,  # type: ignore[arg-type, list-item]
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
    if has_session:
        response.headers[MARK] = "1"
    for name, value in accepted.visitor.headers:
        response.headers[name] = value
    protocol = open_protocol()
    protocol.extensions, protocol.subprotocol = negotiation.extensions, negotiation.subprotocol
    return Negotiated(protocol, response.serialize())


def session_protocol() -> ServerProtocol:
    """The protocol of a connection with a session, for which nothing else is negotiated."""
    protocol = open_protocol()
    protocol.subprotocol = NAME  # type: ignore[assignment]
    return protocol


def offers(head: RequestHead, subprotocol: str) -> bool:
    """Whether the client offers this subprotocol (RFC 6455, section 11.3.4).

    >>> offers(RequestHead('GET', '/', '', {'sec-websocket-protocol': ['chat, zefnb.1']}), 'zefnb.1')
    True
    """
    return any(
        subprotocol == name.strip() for value in head.values("sec-websocket-protocol") for name in value.split(",")
    )


def _select_subprotocol(protocol: ServerProtocol, offered: Any) -> Any:
    """The server's first subprotocol that the client offers; a client that offers none of them gets none."""
    return next((name for name in protocol.available_subprotocols or () if name in offered), None)
