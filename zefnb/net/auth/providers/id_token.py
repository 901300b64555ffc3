"""ID tokens: the signed statement of a provider about who has logged in (OpenID Connect Core, section 3.1.3.7)."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError

from zefnb.net.auth.providers.keys import Keys
from zefnb.net.auth.providers.provider import LoginFailed

# Pinned: never `none`, and none with a shared key, for which an attacker could sign with the provider's public key.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA")
# Seconds by which the clocks of two machines may differ, and the longest token in characters.
LEEWAY = 10
_LONGEST = 64 * 1024


async def verify(
    token: Any,
    keys: Keys,
    *,
    issuer: str,
    client_id: str,
    nonce: str,
    clock: Callable[[], float] = time.time,
) -> dict[str, Any]:
    """The claims of an ID token. Raises `LoginFailed` unless it is signed, current, and meant for this very login."""
    if not isinstance(token, str) or not 0 < len(token) <= _LONGEST:
        raise LoginFailed("the login provider sent no ID token")
    header = _header(token)
    if header.get("alg") not in ALGORITHMS:
        raise LoginFailed("the ID token is not signed with a public-key algorithm")
    claims = _signed_claims(token, await keys.candidates(header))
    _check(claims, issuer=issuer, client_id=client_id, nonce=nonce, now=clock())
    return claims


def _header(token: str) -> Mapping[str, Any]:
    first = token.partition(".")[0]
    try:
        header = json.loads(base64.urlsafe_b64decode(first + "=" * (-len(first) % 4)))
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise LoginFailed("the ID token is malformed")
    return header


def _signed_claims(token: str, candidates: list[Any]) -> dict[str, Any]:
    for key in candidates:
        try:
            return dict(jwt.decode(token, key, algorithms=list(ALGORITHMS)).claims)
        except (JoseError, ValueError, TypeError, RecursionError):
            continue
    raise LoginFailed("the ID token is not signed by the login provider")


def _check(claims: Mapping[str, Any], *, issuer: str, client_id: str, nonce: str, now: float) -> None:
    if claims.get("iss") != issuer:
        raise LoginFailed("the ID token is of another issuer")
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if client_id not in audiences:
        raise LoginFailed("the ID token is for another application")
    party = claims.get("azp")
    if party != client_id and (party is not None or len(audiences) > 1):
        raise LoginFailed("the ID token was issued to another application")
    expires, issued, begins = (_seconds(claims, name) for name in ("exp", "iat", "nbf"))
    if expires is None or issued is None or expires + LEEWAY <= now:
        raise LoginFailed("the ID token has expired")
    if issued - LEEWAY > now or (begins is not None and begins - LEEWAY > now):
        raise LoginFailed("the ID token is not valid yet; compare the clocks of both machines")
    given = claims.get("nonce")
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), nonce.encode()):
        raise LoginFailed("the ID token belongs to another login")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject:
        raise LoginFailed("the ID token names no user")


def _seconds(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    # `bool` is an `int`, and JSON as Python reads it has infinities.
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15
    return float(value) if is_number and value is not None else None
