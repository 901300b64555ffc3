"""The certificates of one server, as the server uses them."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from zefnb.errors import FieldError, InvalidEffect

# Opens a port at which an authority checks the domains. Returns the reason when it is not possible, or an empty text.
OpenChallengePort = Callable[[int, Sequence[str]], Awaitable[str]]


def unusable(problem: str) -> InvalidEffect:
    """The error for certificates with which a server does not start."""
    return InvalidEffect("FX.StartHTTPServer", [FieldError("certificates", problem)])


class Certificates:
    """The certificates of one server; subclasses obtain and renew them."""

    is_secure = True
    # The port at which an authority checks the domains, and at which plain HTTP is redirected to the server.
    challenge_port: int | None = None

    def __init__(self, context: ssl.SSLContext, hosts: Sequence[str] = (), **handle_fields: Any) -> None:
        self.context = context
        # The names under which clients address the server.
        self.hosts = tuple(hosts)
        # Fields of the server's handle.
        self.handle_fields: Mapping[str, Any] = handle_fields

    async def prepare(self, open_port: OpenChallengePort) -> None:
        """Obtain the certificates. The server starts only when this has returned."""

    def start(self, on_renewed: Callable[[], None]) -> None:
        """Renew the certificates from now on. Calls `on_renewed` when `hosts` may have changed."""

    def stop(self) -> None:
        """Stop renewing. May be repeated."""

    def options(self, handshake_timeout: float, shutdown_timeout: float) -> dict[str, Any]:
        """The options with which asyncio accepts a connection."""
        return {
            "ssl": self.context,
            "ssl_handshake_timeout": handshake_timeout,
            "ssl_shutdown_timeout": shutdown_timeout,
        }


class NoCertificates(Certificates):
    """A server without TLS."""

    is_secure = False

    def __init__(self) -> None:
        self.hosts, self.handle_fields = (), {}

    def options(self, handshake_timeout: float, shutdown_timeout: float) -> dict[str, Any]:
        """None: the connections are plain."""
        return {}
