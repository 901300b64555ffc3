"""The interface of a login provider, and the table of their files."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple, Protocol

from zefnb.core.entity import Entity
from zefnb.core.record import fields_of
from zefnb.errors import FieldError
from zefnb.net.auth.flows import Flow

# At least `id`, `name` and `provider`. `email` is present only if the provider has verified it.
User = dict[str, Any]


class LoginFailed(Exception):
    """The provider did not confirm a user. The text is shown to the person who tried to log in."""


class Identified(NamedTuple):
    """A user whom a login has confirmed. `recheck_data` is for `Provider.recheck`: only in memory, and never shown."""

    user: User
    recheck_data: Any = None


class Provider(Protocol):
    """A server that confirms who a user is, by redirects of the browser.

    A file of `providers/` has two functions: `make(fields)` returns the provider for the fields of its entity, and
    `faults(where, fields)` returns the mistakes in these fields that the shape of the entity does not show.
    """

    # In addresses, such as 'google'; and on the button of the login page, such as 'Google'.
    name: str
    label: str
    # Seconds between two calls of `recheck` for each session; `None` if it is never called.
    recheck_interval: float | None

    async def start(self, flow: Flow) -> str:
        """Return the url of the provider to which the browser is redirected. Raises `LoginFailed`."""

    async def finish(self, flow: Flow, params: Mapping[str, str]) -> Identified:
        """Return the user, for the query with which the provider has redirected the browser to `flow.redirect_uri`.

        Raises `LoginFailed`. The state has been checked, and `params` has no `error`.
        """

    async def recheck(self, user: User, data: Any) -> bool:
        """Whether a login with this `recheck_data` is still valid at the provider. An exception leaves it valid."""


_FILES = {"GoogleOAuth": "google", "GitHubOAuth": "github", "OIDC": "oidc", "JupyterHub": "jupyterhub"}
PROVIDER_TYPES = tuple(_FILES)


def provider_faults(where: str, given: Entity) -> list[FieldError]:
    """The mistakes in the fields of an entity that describes a provider."""
    try:
        faults: list[FieldError] = _file_of(given).faults(where, fields_of(given))
    except ImportError as error:
        missing = f"ET.{type(given).__name__} needs the package {error.name}"
        return [FieldError(where, missing, hint="Install it: pip install 'zefnb[auth]'")]
    return faults


def make_provider(given: Entity) -> Provider:
    """The provider that an entity without mistakes describes."""
    provider: Provider = _file_of(given).make(fields_of(given))
    return provider


def _file_of(given: Entity) -> Any:
    return import_module(f"zefnb.net.auth.providers.{_FILES[type(given).__name__]}")
