"""The authorizer: the interface that servers with `auth=` call. `net/auth/` implements it. Other servers have none."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from zefnb.core.entity import HTTPServer
from zefnb.engine.runtime import Runtime
from zefnb.net.http.admission import Admission
from zefnb.net.http.decision import Accepted, Decision, Reply, Visitor
from zefnb.net.http.request_head import RequestHead

if TYPE_CHECKING:
    from zefnb.net.http.event_connection import EventConnection
    from zefnb.net.websocket.connection import Connection


class Site(NamedTuple):
    """The facts of a server that an authorizer needs."""

    runtime: Runtime
    server: HTTPServer
    admission: Admission
    is_secure: bool


class Authorizer(Protocol):
    """Decides who may use a server. Used on the loop only."""

    @property
    def link_path(self) -> str:
        """The path and query of a link that logs its reader in; empty without one."""

    async def open(self, site: Site, previous: Authorizer | None) -> None:
        """Begin, before the first request. Takes over what is still valid from the server that this one replaces."""

    def authorize(self, head: RequestHead, found: Accepted | Reply) -> Decision:
        """The decision about a request whose Host and Origin are accepted, and whose route gives `found`."""

    def connected(self, connection: Connection | EventConnection, visitor: Visitor) -> None:
        """A handshake of this visitor has been accepted."""

    def disconnected(self, connection: Connection | EventConnection) -> None:
        """The connection has ended."""

    async def close(self) -> None:
        """End, when the server stops."""
