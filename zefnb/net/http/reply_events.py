"""The events with which h11 sends a reply that does not come from the application, such as a refusal."""

from __future__ import annotations

from collections.abc import Sequence

import h11
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES

from zefnb.net.http.decision import Reply

_NO_PHRASE = b"Error"


def reply_events(
    reply: Reply, default_headers: Sequence[tuple[bytes, bytes]], is_head: bool
) -> tuple[h11.Response, h11.Data, h11.EndOfMessage]:
    """The events of a reply after which the connection is closed. The response to a HEAD request has no body."""
    headers = [
        *default_headers,
        *((name.encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers if name != "connection"),
        (b"x-content-type-options", b"nosniff"),
        (b"content-length", b"%d" % len(reply.body)),
        (b"connection", b"close"),
    ]
    phrase = STATUS_PHRASES.get(reply.status) or _NO_PHRASE
    response = h11.Response(status_code=reply.status, reason=phrase, headers=headers)
    return response, h11.Data(data=b"" if is_head else reply.body), h11.EndOfMessage()
