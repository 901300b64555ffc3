"""The access link: an address with a token that logs its reader in, as Jupyter's."""

from __future__ import annotations

import hmac
import secrets

from zefnb.net.auth.sessions import digest_of

FIELD = "token"
OWNER = {"id": "owner", "name": "owner", "provider": "token"}


class AccessLink:
    """The token of one server. A server that replaces it on its port takes it over, so that the link stays valid."""

    def __init__(self) -> None:
        # Kept as it is, since the link is shown when the server has started.
        self._token = secrets.token_urlsafe(32)
        self._digest = digest_of(self._token)

    def admits(self, token: str) -> bool:
        """Whether this is the token, in constant time."""
        return hmac.compare_digest(self._digest, digest_of(token))

    def path(self) -> str:
        """The path and query of the link."""
        return f"/?{FIELD}={self._token}"
