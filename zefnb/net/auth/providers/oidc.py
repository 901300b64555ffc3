"""`ET.OIDC`: any provider of OpenID Connect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from zefnb.errors import FieldError
from zefnb.net.auth.providers.openid import OpenIDProvider
from zefnb.net.auth.providers.outgoing import is_safe_url


def make(fields: Mapping[str, Any]) -> OpenIDProvider:
    """The provider for the fields of an `ET.OIDC`."""
    return OpenIDProvider(
        "oidc",
        fields.get("label") or urlsplit(fields["issuer"]).hostname or "OpenID Connect",
        issuer=fields["issuer"],
        client_id=fields["client_id"],
        client_secret=fields["client_secret"],
        scope=fields.get("scope") or "openid profile email",
    )


def faults(where: str, fields: Mapping[str, Any]) -> list[FieldError]:
    """The mistakes in the fields of an `ET.OIDC`."""
    return issuer_faults(f"{where}.issuer", fields.get("issuer"))


def issuer_faults(where: str, issuer: Any) -> list[FieldError]:
    """An issuer is an https address without a query or a fragment (OpenID Connect Discovery, section 2)."""
    if isinstance(issuer, str) and is_safe_url(issuer) and not set(issuer) & set("?# "):
        return []
    return [FieldError(where, f"{issuer!r} cannot be used", "an address such as 'https://login.example.com'")]
