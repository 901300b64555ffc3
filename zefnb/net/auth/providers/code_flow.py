"""The authorization code flow of OAuth 2.0: the url to the provider, and the check of the response."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from zefnb.net.auth.flows import Flow
from zefnb.net.auth.providers.provider import LoginFailed


def authorization_url(endpoint: str, flow: Flow, *, client_id: str, scope: str = "", nonce: str = "") -> str:
    """The address to which the browser is redirected (RFC 6749, section 4.1.1; RFC 7636, section 4.3)."""
    parts = urlsplit(endpoint)
    fields = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": flow.redirect_uri,
        "scope": scope,
        "state": flow.state,
        "nonce": nonce,
        "code_challenge": flow.challenge,
        "code_challenge_method": "S256",
    }
    query = parse_qsl(parts.query) + [(name, value) for name, value in fields.items() if value]
    return urlunsplit((parts.scheme, parts.netloc, parts.path, urlencode(query), ""))


def code_in(params: Mapping[str, str]) -> str:
    """The authorization code with which the provider has redirected the browser back. Raises `LoginFailed`."""
    code = params.get("code", "")
    if not code:
        raise LoginFailed("the login provider sent no code")
    return code
