"""Secret fields: fields of some entity types that no text shows, and that no pickle holds.

A program reads them like other fields. Only `repr`, and everything that is made from it, shows "…" in their place.
"""

from __future__ import annotations

from collections.abc import Mapping

_CLIENT_SECRET = frozenset({"client_secret"})
SECRET_FIELDS: Mapping[str, frozenset[str]] = {
    "TLSCredentials": frozenset({"private_key"}),
    "GoogleOAuth": _CLIENT_SECRET,
    "GitHubOAuth": _CLIENT_SECRET,
    "OIDC": _CLIENT_SECRET,
}
NONE: frozenset[str] = frozenset()
