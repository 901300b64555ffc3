"""`ET.GitHubOAuth`: accounts of GitHub, or of a GitHub Enterprise server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zefnb.errors import FieldError
from zefnb.net.auth.flows import Flow
from zefnb.net.auth.providers.code_flow import authorization_url, code_in
from zefnb.net.auth.providers.outgoing import Outgoing, is_safe_url
from zefnb.net.auth.providers.provider import Identified, LoginFailed, User

PUBLIC = "https://github.com"
_SCOPE = "read:user user:email"


class GitHubProvider:
    """Confirms users by the API, which names the owner of an access token. GitHub issues no ID tokens."""

    name = "github"
    label = "GitHub"
    recheck_interval: float | None = None

    def __init__(self, *, url: str, client_id: str, client_secret: str) -> None:
        self._url = url.rstrip("/")
        self._api = "https://api.github.com" if self._url == PUBLIC else f"{self._url}/api/v3"
        self._client_id = client_id
        self._outgoing = Outgoing(client_id=client_id, client_secret=client_secret, auth_method="client_secret_post")

    async def start(self, flow: Flow) -> str:
        """Return the url of the provider."""
        return authorization_url(f"{self._url}/login/oauth/authorize", flow, client_id=self._client_id, scope=_SCOPE)

    async def finish(self, flow: Flow, params: Mapping[str, str]) -> Identified:
        """Return the owner of the access token. Raises `LoginFailed`."""
        token = await self._outgoing.fetch_token(
            f"{self._url}/login/oauth/access_token",
            code=code_in(params),
            redirect_uri=flow.redirect_uri,
            verifier=flow.verifier,
        )
        headers = {
            "authorization": f"Bearer {token['access_token']}",
            "accept": "application/vnd.github+json",
            "user-agent": "zefnb",
        }
        account = await self._outgoing.get_json(f"{self._api}/user", headers)
        emails = await self._outgoing.get_json(f"{self._api}/user/emails", headers)
        return Identified(_user(account, emails))

    async def recheck(self, user: User, data: Any) -> bool:
        """Always true: the access token is not stored."""
        return True


def _user(account: Any, emails: Any) -> User:
    """The user; `name` is the login, which is unique, and not the full name, which users choose freely."""
    is_complete = isinstance(account, dict) and isinstance(account.get("login"), str)
    if not is_complete or not isinstance(account.get("id"), int):
        raise LoginFailed("the login provider names no user")
    user: User = {"id": str(account["id"]), "name": account["login"], "provider": "github"}
    if isinstance(account.get("name"), str):
        user["full_name"] = account["name"]
    if (email := _primary(emails)) is not None:
        user["email"] = email
    return user


def _primary(emails: Any) -> str | None:
    """The primary address, if GitHub has verified it."""
    for entry in emails if isinstance(emails, list) else ():
        if isinstance(entry, dict) and entry.get("primary") is True and entry.get("verified") is True:
            email = entry.get("email")
            return email if isinstance(email, str) else None
    return None


def make(fields: Mapping[str, Any]) -> GitHubProvider:
    """The provider for the fields of an `ET.GitHubOAuth`."""
    return GitHubProvider(
        url=fields.get("url") or PUBLIC, client_id=fields["client_id"], client_secret=fields["client_secret"]
    )


def faults(where: str, fields: Mapping[str, Any]) -> list[FieldError]:
    """The mistakes in the fields of an `ET.GitHubOAuth`."""
    url = fields.get("url") or PUBLIC
    if is_safe_url(url):
        return []
    return [FieldError(f"{where}.url", f"{url!r} cannot be used", "an address such as 'https://github.example.com'")]
