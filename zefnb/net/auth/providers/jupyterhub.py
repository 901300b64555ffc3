"""`ET.JupyterHub`: the users of the hub on which the notebook runs. The server must be one of the hub's services."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from zefnb.errors import FieldError
from zefnb.net.auth.flows import Flow
from zefnb.net.auth.providers.code_flow import authorization_url, code_in
from zefnb.net.auth.providers.outgoing import Outgoing, UnexpectedStatus
from zefnb.net.auth.providers.provider import Identified, LoginFailed, User

# Seconds between two checks with the hub that a login is still valid: it ends within five minutes of a logout.
RECHECK_INTERVAL = 240.0
# Single-user servers are clients of this kind. Only the server of that one user can log in with them.
_SINGLE_USER = "jupyterhub-user-"
_HOW_TO_REGISTER = (
    "The hub's administrator registers a service: c.JupyterHub.services = [{'name': 'zefnb', 'api_token': '<secret>', "
    "'oauth_redirect_uri': '<address of your server>/auth/callback', 'oauth_no_confirm': True}]. "
    "Then pass client_id='service-zefnb' and api_token='<secret>'"
)


class Service(NamedTuple):
    """A registered service of a hub: explicit fields before the hub's environment variables."""

    client_id: str
    api_token: str
    # The hub's API for servers, such as http://127.0.0.1:8081/hub/api.
    api_url: str
    # The hub for browsers, such as https://hub.example.com/; only a path if it has the host of the notebook.
    hub_url: str

    @classmethod
    def of(cls, fields: Mapping[str, Any], environ: Mapping[str, str]) -> Service:
        """The service that these fields and variables describe. A missing field is empty."""
        # Those of a single-user server belong to that server, and not to a service.
        own = {} if environ.get("JUPYTERHUB_CLIENT_ID", "").startswith(_SINGLE_USER) else environ
        base = environ.get("JUPYTERHUB_BASE_URL", "/")
        return cls(
            fields.get("client_id") or environ.get("ZEFNB_HUB_CLIENT_ID") or own.get("JUPYTERHUB_CLIENT_ID", ""),
            fields.get("api_token") or environ.get("ZEFNB_HUB_API_TOKEN") or own.get("JUPYTERHUB_API_TOKEN", ""),
            (fields.get("api_url") or environ.get("JUPYTERHUB_API_URL", "")).rstrip("/"),
            (fields.get("hub_url") or environ.get("JUPYTERHUB_HOST", "") + base).rstrip("/"),
        )

    def faults(self, where: str) -> list[FieldError]:
        """The missing parts."""
        missing = []
        if not self.api_url:
            hint = "This notebook does not run on a JupyterHub; pass api_url='<address of the hub>/hub/api'"
            missing.append(FieldError(f"{where}.api_url", "is missing", hint=hint))
        if not self.client_id or not self.api_token:
            name = "client_id" if not self.client_id else "api_token"
            missing.append(FieldError(f"{where}.{name}", "is missing", hint=_HOW_TO_REGISTER))
        return missing


class JupyterHubProvider:
    """Confirms users by the hub (JupyterHub, "Services", OAuth)."""

    name = "jupyterhub"
    label = "JupyterHub"
    recheck_interval: float | None = RECHECK_INTERVAL

    def __init__(self, service: Service) -> None:
        self._service = service
        self._outgoing = Outgoing(
            client_id=service.client_id,
            client_secret=service.api_token,
            auth_method="client_secret_post",
            trusts_address=True,
        )

    async def start(self, flow: Flow) -> str:
        """Return the url of the hub."""
        hub = self._service.hub_url
        if not hub.startswith("http"):
            # A proxy on the way rewrites a redirect that is only a path.
            parts = urlsplit(flow.redirect_uri)
            hub = f"{parts.scheme}://{parts.netloc}{hub}"
        return authorization_url(f"{hub}/hub/api/oauth2/authorize", flow, client_id=self._service.client_id)

    async def finish(self, flow: Flow, params: Mapping[str, str]) -> Identified:
        """Return the user of the hub. Raises `LoginFailed`."""
        token = await self._outgoing.fetch_token(
            f"{self._service.api_url}/oauth2/token",
            code=code_in(params),
            redirect_uri=flow.redirect_uri,
            verifier=flow.verifier,
        )
        model = await self._model(token["access_token"])
        return Identified(_user(model), token["access_token"])

    async def recheck(self, user: User, data: Any) -> bool:
        """Whether the hub still accepts the token of this login and gives it to the same user."""
        try:
            return bool(_user(await self._model(data))["id"] == user["id"])
        except UnexpectedStatus as error:
            if error.status in (401, 403, 404):
                return False
            raise

    async def _model(self, access_token: str) -> Any:
        headers = {"authorization": f"Bearer {access_token}"}
        return await self._outgoing.get_json(f"{self._service.api_url}/user", headers)


def _user(model: Any) -> User:
    if not isinstance(model, dict) or model.get("kind") != "user" or not isinstance(model.get("name"), str):
        raise LoginFailed("the hub names no user")
    groups = [group for group in model.get("groups") or () if isinstance(group, str)]
    name = model["name"]
    return {"id": name, "name": name, "provider": "jupyterhub", "admin": model.get("admin") is True, "groups": groups}


def make(fields: Mapping[str, Any]) -> JupyterHubProvider:
    """The provider for the fields of an `ET.JupyterHub`."""
    return JupyterHubProvider(Service.of(fields, os.environ))


def faults(where: str, fields: Mapping[str, Any]) -> list[FieldError]:
    """The mistakes in the fields of an `ET.JupyterHub`, and what is not registered."""
    return Service.of(fields, os.environ).faults(where)
