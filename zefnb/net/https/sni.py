"""SNI: the certificate of a connection by the name that its client requests (RFC 6066, section 3).

A new certificate takes effect for new connections; established ones keep theirs and notice nothing.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence

from zefnb.net.https.credentials import Credentials, server_context


class NamedContexts:
    """The context of a server with several certificates, which can be replaced while it runs.

    A client that requests another name, or for none, gets the first certificate, and refuses it if it must.
    """

    def __init__(self, credentials: Sequence[Credentials]) -> None:
        # OpenSSL offers this one until the callback has chosen.
        self.context = server_context()
        self.context.sni_callback = self._choose
        self.replace(credentials)

    def replace(self, credentials: Sequence[Credentials]) -> None:
        """Use these certificates for all handshakes from now on."""
        by_name: dict[str, ssl.SSLContext] = {}
        for each in credentials:
            for name in each.domains:
                by_name.setdefault(name, each.context)
        self._first, self._by_name = credentials[0].context, by_name

    def _choose(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        wanted = (name or "").lower()
        found = self._by_name.get(wanted) or self._by_name.get(f"*.{wanted.partition('.')[2]}")
        connection.context = found or self._first
