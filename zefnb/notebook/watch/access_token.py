"""The access token of a live table: a secret that authenticates the views of one widget and is never sent on a socket.

A view gets the secret through the kernel's authenticated channel. On a socket each side proves that it has the secret,
by an HMAC (RFC 2104) of two fresh nonces. A proof cannot be replayed, and it does not reveal the secret.
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
    """The credentials of the views of one widget: a public name, and a secret that only these views get."""

    def __init__(self, table: str = "clients", make_session: Any = None) -> None:
        # The name of the table that these views show, or what makes the session of each.
        self.table = table
        self.make_session = make_session
        self.name = secrets.token_urlsafe(8)
        self._secret = secrets.token_urlsafe(32)

    def reveal(self) -> str:
        """Return the secret, for a view that requests it through the kernel."""
        return self._secret

    def proof(self, side: Literal["view", "server"], nonce: str, counter_nonce: str) -> str:
        """Return the HMAC-SHA-256, in hex, by which `side` proves that it has the secret.

        `nonce` is the server's and `counter_nonce` the view's, so that an old proof is invalid. `side` is part of the
        text, so that the proof of one side is invalid for the other.
        """
        text = f"{side}\n{self.name}\n{nonce}\n{counter_nonce}"
        return hmac.digest(self._secret.encode(), text.encode(), "sha256").hex()

    def __repr__(self) -> str:
        return f"<token {self.name}>"


class Challenge:
    """One fresh nonce for one view, which must prove that it has the secret of a token."""

    def __init__(self) -> None:
        self.nonce = secrets.token_urlsafe(24)

    def verify(self, message: Any, tokens: Mapping[str, AccessToken]) -> tuple[AccessToken, str] | None:
        """Return the token for which `message` has a valid proof, and the server's proof; `None` if it has none."""
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
