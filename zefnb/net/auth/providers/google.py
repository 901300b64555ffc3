"""`ET.GoogleOAuth`: accounts of Google, by OpenID Connect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zefnb.errors import FieldError
from zefnb.net.auth.providers.oidc import issuer_faults
from zefnb.net.auth.providers.openid import OpenIDProvider

ISSUER = "https://accounts.google.com"


def make(fields: Mapping[str, Any]) -> OpenIDProvider:
    """The provider for the fields of an `ET.GoogleOAuth`."""
    return OpenIDProvider(
        "google",
        "Google",
        issuer=fields.get("issuer") or ISSUER,
        client_id=fields["client_id"],
        client_secret=fields["client_secret"],
    )


def faults(where: str, fields: Mapping[str, Any]) -> list[FieldError]:
    """The mistakes in the fields of an `ET.GoogleOAuth`."""
    return issuer_faults(f"{where}.issuer", fields.get("issuer") or ISSUER)
