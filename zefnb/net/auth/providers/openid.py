"""A provider of OpenID Connect: discovery, the code flow, and the user in the ID token."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from zefnb.net.auth.flows import Flow
from zefnb.net.auth.providers.code_flow import authorization_url, code_in
from zefnb.net.auth.providers.id_token import verify
from zefnb.net.auth.providers.keys import Keys
from zefnb.net.auth.providers.outgoing import Outgoing, is_safe_url
from zefnb.net.auth.providers.provider import Identified, LoginFailed, User

# Seconds for which the metadata of a provider are used before they are fetched again.
METADATA_AGE = 3600.0
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class OpenIDProvider:
    """Confirms users by the ID tokens of one issuer."""

    recheck_interval: float | None = None

    def __init__(
        self,
        name: str,
        label: str,
        *,
        issuer: str,
        client_id: str,
        client_secret: str,
        scope: str = "openid profile email",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self.label = label
        self._issuer = issuer
        self._client_id = client_id
        self._client_secret = client_secret
        self._scope = scope
        self._clock = clock
        self._outgoing = Outgoing()
        self._keys = Keys(self._fetch_keys)
        self._known: dict[str, Any] = {}
        self._fetched = float("-inf")

    async def start(self, flow: Flow) -> str:
        """Return the url of the provider. Raises `LoginFailed`."""
        metadata = await self._metadata()
        return authorization_url(
            metadata["authorization_endpoint"], flow, client_id=self._client_id, scope=self._scope, nonce=flow.nonce
        )

    async def finish(self, flow: Flow, params: Mapping[str, str]) -> Identified:
        """Return the user whom the ID token names. Raises `LoginFailed`."""
        metadata = await self._metadata()
        self._check_sender(metadata, params)
        outgoing = Outgoing(
            client_id=self._client_id, client_secret=self._client_secret, auth_method=_auth_method(metadata)
        )
        token = await outgoing.fetch_token(
            metadata["token_endpoint"], code=code_in(params), redirect_uri=flow.redirect_uri, verifier=flow.verifier
        )
        claims = await verify(
            token.get("id_token"),
            self._keys,
            issuer=self._issuer,
            client_id=self._client_id,
            nonce=flow.nonce,
            clock=self._clock,
        )
        profile = await self._profile(metadata, token["access_token"], claims)
        return Identified(user_from(self.name, {**profile, **claims}))

    async def recheck(self, user: User, data: Any) -> bool:
        """Always true: an ID token names the user, and does not show that the login at the provider has ended."""
        return True

    async def _metadata(self) -> dict[str, Any]:
        """The endpoints of the issuer (OpenID Connect Discovery, sections 4.2 and 4.3)."""
        if self._clock() - self._fetched > METADATA_AGE:
            url = f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"
            self._known = self._checked(await self._outgoing.get_json(url))
            self._fetched = self._clock()
        return self._known

    def _checked(self, given: Any) -> dict[str, Any]:
        if not isinstance(given, dict) or given.get("issuer") != self._issuer:
            raise LoginFailed("the metadata of the login provider are those of another issuer")
        for name in _ENDPOINTS:
            if not is_safe_url(given.get(name)):
                raise LoginFailed(f"the metadata of the login provider have no usable {name}")
        return given

    def _check_sender(self, metadata: Mapping[str, Any], params: Mapping[str, str]) -> None:
        """Refuse a code of another provider (mix-up; RFC 9207, section 2.4)."""
        is_promised = metadata.get("authorization_response_iss_parameter_supported") is True
        if params.get("iss", "" if is_promised else self._issuer) != self._issuer:
            raise LoginFailed("the code is of another login provider")

    async def _fetch_keys(self) -> Any:
        return await self._outgoing.get_json((await self._metadata())["jwks_uri"])

    async def _profile(
        self, metadata: Mapping[str, Any], access_token: str, claims: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The claims that the provider keeps out of its ID tokens (OpenID Connect Core, section 5.3)."""
        url = metadata.get("userinfo_endpoint")
        if ("name" in claims and "email" in claims) or not is_safe_url(url):
            return {}
        profile = await self._outgoing.get_json(str(url), {"authorization": f"Bearer {access_token}"})
        if not isinstance(profile, dict) or profile.get("sub") != claims["sub"]:
            raise LoginFailed("the profile of the login provider is that of another user")
        return profile


def user_from(provider: str, claims: Mapping[str, Any]) -> User:
    """The user in the claims of an ID token. An unverified address is left out: any user can enter one.

    >>> user_from('oidc', {'sub': '7', 'name': 'Ada', 'email': 'ada@example.com', 'email_verified': False})
    {'id': '7', 'name': 'Ada', 'provider': 'oidc'}
    """
    verified = claims.get("email_verified")
    # Some providers send the text.
    is_verified = (verified is True or verified == "true") and isinstance(claims.get("email"), str)
    email = {"email": claims["email"]} if is_verified else {}
    names = (claims.get("name"), claims.get("preferred_username"), email.get("email"))
    name = next((name for name in names if isinstance(name, str) and name), claims["sub"])
    more = {key: claims[key] for key in ("picture", "locale") if isinstance(claims.get(key), str)}
    return {"id": claims["sub"], "name": name, "provider": provider, **email, **more}


def _auth_method(metadata: Mapping[str, Any]) -> str:
    """How the client sends its secret: in a header, which is the default, or else in the body."""
    methods = metadata.get("token_endpoint_auth_methods_supported")
    in_body = isinstance(methods, list) and "client_secret_basic" not in methods and "client_secret_post" in methods
    return "client_secret_post" if in_body else "client_secret_basic"
