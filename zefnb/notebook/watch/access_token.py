"""Doors: what lets the views of one widget in, by a secret that never crosses the wire.

A view gets the secret through the kernel's authenticated channel. On a socket each side proves that it knows it,
by an HMAC (RFC 2104) of two fresh nonces: whoever listens, or answers in the other's place, learns nothing.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Mapping
from typing import Any, Literal

from zefnb.notebook.watch.requests import Malformed, parsed

_NONCE = re.compile(r"[\w-]{16,128}", re.ASCII)


class AccessToken:
    """What lets the views of one widget in: a public name, and a secret that only they learn."""

    def __init__(self, table: str = "clients") -> None:
        # What the views that it lets in see.
        self.table = table
        self.name = secrets.token_urlsafe(8)
        self._secret = secrets.token_urlsafe(32)

    def tell(self) -> str:
        """The secret, for a view that asked through the kernel."""
        return self._secret

    def proof(self, side: Literal["view", "server"], nonce: str, counter_nonce: str) -> str:
        """The HMAC-SHA-256, in hex, by which `side` shows that it knows the secret.

        `nonce` is the server's and `counter_nonce` the view's: neither side can be given an old answer, or its own.
        """
        said = f"{side}\n{self.name}\n{nonce}\n{counter_nonce}"
        return hmac.digest(self._secret.encode(), said.encode(), "sha256").hex()

    def __repr__(self) -> str:
        return f"<token {self.name}>"


class Challenge:
    """One fresh nonce for one view that has yet to prove that it knows the secret of a token."""

    def __init__(self) -> None:
        self.nonce = secrets.token_urlsafe(24)

    def verify(self, message: Any, tokens: Mapping[str, AccessToken]) -> tuple[AccessToken, str] | None:
        """The token whose secret `message` proves to be known, and our own proof of it; `None` for any other."""
        try:
            request = parsed(message)
        except Malformed:
            return None
        name, counter_nonce, proof = (request.get(field) for field in ("token", "nonce", "proof"))
        if not (isinstance(name, str) and isinstance(counter_nonce, str) and isinstance(proof, str)):
            return None
        token = tokens.get(name)
        if token is None or not _NONCE.fullmatch(counter_nonce):
            return None
        expected = token.proof("view", self.nonce, counter_nonce)
        if not hmac.compare_digest(proof.encode("utf-8", "replace"), expected.encode()):
            return None
        return token, token.proof("server", self.nonce, counter_nonce)
