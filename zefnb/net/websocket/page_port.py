"""The interface of pages of parts that endpoints use. `net/page/` implements it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from zefnb.core.entity import Entity
from zefnb.core.function import ZefFunction
from zefnb.engine.runtime import Runtime
from zefnb.net.ports import Topics
from zefnb.net.websocket.connection import Connection
from zefnb.net.websocket.session import Session

Client = Connection | Session


class RunningPage(Protocol):
    """A page of parts at one path of a server."""

    def open(self, client: Client) -> None:
        """Add a page that has connected."""

    def receiver(self, client: Client) -> Callable[[Any], None]:
        """Return the function that receives the messages of a client."""

    def closed(self, client: Client) -> None:
        """Forget a page that has disconnected."""

    def release(self) -> None:
        """Keep the state no longer: no page connects any more."""

    def reload(self) -> None:
        """Let open pages load what is served now."""


class PageConfig(Protocol):
    """A page of parts, as `net/page/` implements it."""

    @property
    def presence(self) -> Entity | None:
        """The topic to which joins and leaves of its clients are published."""

    def start(self, runtime: Runtime, topics: Topics, server: Entity, path: str) -> RunningPage:
        """Begin to keep the state of the page."""

    def handler(self, runtime: Runtime) -> ZefFunction:
        """The handler of requests for the page."""
