"""The kinds of routes that have options, when these have been checked. Only a server with such a route loads more."""

from __future__ import annotations

from zefnb.core.entity import Entity
from zefnb.core.frozen import Frozen
from zefnb.core.wire import Nan
from zefnb.net.websocket.slow_client import SlowClient


class EventStream(Frozen):
    """An `ET.EventStream`. After `retry` seconds, by default 2, a client that has lost its connection connects again.

    It waits half of it to one and a half, so that not all clients come at once.
    """

    topics: tuple[Entity, ...]
    history: int
    slow_client: SlowClient
    nan: Nan
    retry: float = 2.0


class PushInto(Frozen):
    """An `ET.PushInto`, for requests with one of these methods."""

    topics: tuple[Entity, ...]


class Directory(Frozen):
    """An `ET.FromDirectory`: its path, and the variable of the route that names a file."""

    path: str
    variable: str


PUSH_METHODS = ("POST", "PUT", "PATCH")
