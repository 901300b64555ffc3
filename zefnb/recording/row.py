"""The row: one line of a recording."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from zefnb.core.entity import Topic
from zefnb.core.time import Time

Kind = Literal["connected", "message", "disconnected", "published"]


class Row(NamedTuple):
    """One message, or the beginning or the end of a connection. It never changes.

    - `time`: when it arrived, as a `Time`. Subtracting two gives seconds.
    - `kind`: 'connected', 'message' or 'disconnected' for the clients of a server, 'published' for a topic.
    - `topic`: the topic of a published message; for a client's message the (first) topic of its route, or `None` if the
      route has an actor.
    - `channel_id`: the client, or `None` for a published message.
    - `path`: the path at which the client is connected, or `None` for a published message.
    - `user`: the logged-in user, as handlers see it, or `None`.
    - `content`: the message as topics and actors receive it. For 'connected' and 'disconnected' it is the
      `ET.WSClientConnected` or `ET.WSClientDisconnected`, without tokens.
    """

    time: Time
    kind: Kind
    topic: Topic | None
    channel_id: int | None
    path: str | None
    user: Any
    content: Any
