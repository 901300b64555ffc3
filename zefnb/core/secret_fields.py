"""Secret fields: fields of some entity types that no text shows, and that no pickle holds.

A program reads them like other fields. Only `repr`, and everything that is made from it, shows "…" in their place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_CLIENT_SECRET = frozenset({"client_secret"})
SECRET_FIELDS: Mapping[str, frozenset[str]] = {
    "TLSCredentials": frozenset({"private_key"}),
    "GoogleOAuth": _CLIENT_SECRET,
    "GitHubOAuth": _CLIENT_SECRET,
    "OIDC": _CLIENT_SECRET,
    "JupyterHub": frozenset({"api_token"}),
}
# Fields that may be a dict of names and passwords, or a list with such dicts. The names are shown.
PASSWORD_FIELDS: Mapping[str, frozenset[str]] = {
    "StartHTTPServer": frozenset({"auth"}),
    "Auth": frozenset({"providers"}),
}
NONE: frozenset[str] = frozenset()


class LeftOut:
    """Stands in a text for a value that is not shown."""

    def __repr__(self) -> str:
        return "…"


LEFT_OUT = LeftOut()


def without_passwords(value: Any) -> Any:
    """Return `value` with "…" for each password in it.

    >>> without_passwords(['token', {'ada': 'correct horse'}])
    ['token', {'ada': …}]
    """
    if isinstance(value, Mapping):
        return dict.fromkeys(value, LEFT_OUT)
    return [without_passwords(each) for each in value] if isinstance(value, list | tuple) else value


def has_passwords(value: Any) -> bool:
    """Whether there is a password in `value`."""
    if isinstance(value, list | tuple):
        return any(map(has_passwords, value))
    return isinstance(value, Mapping) and bool(value)
