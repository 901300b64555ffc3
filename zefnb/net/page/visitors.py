"""Visitors without a login: a random id with a signature, which a browser keeps through reloads."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

from zefnb.engine.runtime import Runtime

_ID_BYTES, _SIGNATURE_BYTES = 12, 16
_LENGTH = (_ID_BYTES + _SIGNATURE_BYTES) * 4 // 3 + 1
_YEAR = 31_536_000


class Visitors:
    """Makes and checks the tokens of visitors: a service of the runtime.

    A visitor cannot make a token, so that each token has cost a visit of the page.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._secret = secrets.token_bytes(32)
        # Another process on this machine has the same cookies.
        self.cookie = f"zefnb_visitor_{hashlib.sha256(self._secret).hexdigest()[:8]}"

    def new(self) -> str:
        """A token for a new visitor."""
        visitor = secrets.token_bytes(_ID_BYTES)
        return base64.urlsafe_b64encode(visitor + self._signature(visitor)).decode().rstrip("=")

    def is_valid(self, token: object) -> bool:
        """Whether this process has made the token."""
        if not isinstance(token, str) or not token.isascii() or len(token) > _LENGTH:
            return False
        try:
            data = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except ValueError:
            return False
        if base64.urlsafe_b64encode(data).decode().rstrip("=") != token:
            return False  # several texts mean the same bytes
        return hmac.compare_digest(data[_ID_BYTES:], self._signature(data[:_ID_BYTES]))

    def _signature(self, visitor: bytes) -> bytes:
        return hmac.digest(self._secret, visitor, "sha256")[:_SIGNATURE_BYTES]

    def of_cookies(self, header: str) -> str | None:
        """The token in a Cookie header, if it is valid."""
        for pair in header.split(";"):
            name, _, value = pair.strip().partition("=")
            if name == self.cookie and self.is_valid(value):
                return value
        return None

    def set_cookie(self, token: str, is_secure: bool) -> str:
        """The Set-Cookie header for a token."""
        secure = "; Secure" if is_secure else ""
        return f"{self.cookie}={token}; Path=/; Max-Age={_YEAR}; HttpOnly; SameSite=Lax{secure}"
