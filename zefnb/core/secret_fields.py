"""Secret fields: values in effects and entities that no text shows.

A program reads them like other fields. Only `repr`, and everything that is made from it, shows "…" in their place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from zefnb.text.secrets import hide_secrets


class LeftOut:
    """Stands in a text for a value that is not shown."""

    def __repr__(self) -> str:
        return "…"


LEFT_OUT = LeftOut()
# Fields of lifecycle messages and requests in which peers send credentials: the journal does not show them.
PRIVATE_FIELDS = frozenset({"headers", "query_params", "query", "form_data", "cookies", "body"})
Fields = Mapping[str, Any]


class Secrecy(NamedTuple):
    """How a text shows the fields of a type, and whether a pickle may hold what the text leaves out."""

    show: Callable[[str, Fields], Any]
    may_be_pickled: bool = False


def without_passwords(value: Any) -> Any:
    """Return `value` with "…" for each value of a dict in it.

    >>> without_passwords(['token', {'ada': 'correct horse'}])
    ['token', {'ada': …}]
    """
    if isinstance(value, Mapping):
        return dict.fromkeys(value, LEFT_OUT)
    if isinstance(value, tuple):
        return tuple(map(without_passwords, value))
    return list(map(without_passwords, value)) if isinstance(value, list) else value


def names_secret(name: object) -> bool:
    """Whether the value of this name, or below this path of names, may be a secret.

    >>> names_secret('client_secret'), names_secret(['auth', 'ada']), names_secret(['routes', '/auth'])
    (True, True, False)
    """
    if isinstance(name, list | tuple):
        return any(map(names_secret, name))
    if not isinstance(name, str) or name.startswith("/"):
        return False
    return name in _HOLDERS or hide_secrets(f"{name}=x") != f"{name}=x"


def after_secret_name(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the arguments of a call with "…" for those after the name of a secret.

    >>> after_secret_name(('auth', {'ada': 'correct horse'})), after_secret_name(('port', 8000))
    (('auth', …), ('port', 8000))
    """
    if len(args) < 2 or not names_secret(args[0]):
        return args
    return (args[0], *(LEFT_OUT for _ in args[1:]))


# Fields that may hold secrets although their names are not those of secrets.
_HOLDERS = frozenset({"providers", "headers"})


def _only(*names: str, passwords: str = "") -> Secrecy:
    """Show only these fields: one with a mistyped name may be a secret, too."""

    def show(name: str, fields: Fields) -> Any:
        if name == passwords:
            return without_passwords(fields[name])
        return fields[name] if name in names else LEFT_OUT

    return Secrecy(show)


def _of_server(name: str, fields: Fields) -> Any:
    return without_passwords(fields[name]) if name == "auth" else fields[name]


def _of_client(name: str, fields: Fields) -> Any:
    value = fields[name]
    if name == "url" and isinstance(value, str):
        return hide_secrets(value)
    if name == "headers" and isinstance(value, list | tuple):
        return LEFT_OUT
    return without_passwords(value) if name == "headers" else value


def _of_cluster(name: str, fields: Fields) -> Any:
    value = fields[name]
    return hide_secrets(value.partition("?")[0]) if name == "url" and isinstance(value, str) else value


def _of_change(name: str, fields: Fields) -> Any:
    return LEFT_OUT if name == "value" and names_secret(fields.get("path")) else fields[name]


SECRECY: Mapping[str, Secrecy] = {
    "TLSCredentials": _only("certificates", "domains"),
    "GoogleOAuth": _only("client_id", "issuer"),
    "GitHubOAuth": _only("client_id", "url"),
    "OIDC": _only("issuer", "client_id", "label", "scope"),
    "JupyterHub": _only("client_id", "api_url", "hub_url"),
    "Auth": _only(
        *("allowed_emails", "public", "login_page", "after_login", "session_duration", "sliding"),
        *("session_db", "on_login", "public_url"),
        passwords="providers",
    ),
    "InsertIn": Secrecy(_of_change),
    "StartHTTPServer": Secrecy(_of_server),
    "JoinCluster": Secrecy(_of_cluster),
    "StartWebSocketClient": Secrecy(_of_client, may_be_pickled=True),
}
