"""Removes credentials from the entities of connections before they are recorded."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from zefnb.core.record import Record, replaced
from zefnb.text.secrets import hide_secrets

HIDDEN = "…"
# Parameters whose names are no secret's elsewhere: zefnb's own tickets, and what other servers put into a query.
_WORDS = "ticket|access|auth|otp|nonce|hash|key|sig|signature|code|sid|session|pw|pass|token|secret|jwt|cred"
# Words by themselves, also in `wsKey`; and words that are in no other name.
_NAMES = re.compile(
    rf"(?i)(?<![a-z])(?:{_WORDS}|pin|mfa|digest|authz)(?![a-z])|(?-i:(?<=[a-z])(?=[A-Z]))(?:{_WORDS})(?![a-z])"
    "|ticket|token|secret|sessid|passw|bearer|credential|creds|authenti|authori[sz]|csrf|xsrf|hmac|app_?key|client-cert"
)
_QUERY = re.compile(rf"(?i)([?&#](?:[\w.-]*[^a-z\s])?(?:{_WORDS})=)[^&\s#\"'<>]+")
# A token in the form of RFC 7519, which is one under any name.
_TOKEN = re.compile(r"eyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*")
# A random number of the handshake.
_LEFT_OUT = ("sec-websocket-key",)
# Shorter values occur in other texts by chance.
_SHORTEST = 4


def is_hidden(name: str, value: str) -> bool:
    """Whether the parameter of this name and value may be a credential.

    >>> is_hidden('ticket', 'x'), is_hidden('room', 'kitchen'), is_hidden('next', 'https://ada:pw@localhost/')
    (True, False, True)
    """
    return _NAMES.search(name) is not None or _hidden_in(f"{name}={value}") != f"{name}={value}"


def _hidden_in(text: str) -> str:
    return _TOKEN.sub(HIDDEN, _QUERY.sub(rf"\1{HIDDEN}", hide_secrets(text)))


def public(message: Record) -> tuple[Record, tuple[str, ...]]:
    """Return an `ET.WSClientConnected` without credentials, and the values that were removed."""
    fields: dict[str, Any] = message.__dict__
    removed: list[str] = []
    changes: dict[str, Any] = {}
    for name in ("query_params", "query_lists", "path_params"):
        if fields.get(name):
            changes[name] = {_name(key, removed): _values(key, value, removed) for key, value in fields[name].items()}
    for name in ("headers", "header_lists"):
        if fields.get(name):
            changes[name] = {
                key: _values(f"{key}:", value, []) for key, value in fields[name].items() if key not in _LEFT_OUT
            }
    if isinstance(user := fields.get("user"), Mapping):
        changes["user"] = without_credentials(user)
    changes["path"] = without(fields["path"], removed)
    return replaced(message, **changes), tuple(dict.fromkeys(removed))


def without_credentials(user: Mapping[str, Any]) -> dict[str, Any]:
    """Return the user without the values of fields such as `access_token`, at any level.

    >>> without_credentials({'name': 'Ada', 'login': [{'access_token': 'x'}]})
    {'name': 'Ada', 'login': [{'access_token': '…'}]}
    """
    return {key: _of_user(key, value) for key, value in user.items()}


def _of_user(key: Any, value: Any) -> Any:
    if isinstance(value, Mapping):
        return without_credentials(value)
    if isinstance(value, list | tuple):
        return [_of_user(key, each) for each in value]
    is_text = isinstance(value, str | bytes | bytearray)
    return HIDDEN if is_text and is_hidden(str(key), str(value)) else value


def _name(name: str, removed: list[str]) -> str:
    """Return the name of a parameter, which is a token itself in a query such as `?eyJ…`."""
    hidden = _hidden_in(name)
    if hidden != name:
        removed.append(name)
    return hidden


def _values(name: str, value: Any, removed: list[str]) -> Any:
    if isinstance(value, list | tuple):
        return [_values(name, each, removed) for each in value]
    if not isinstance(value, str):
        return value
    if name.endswith(":"):  # a header, whose whole value is a credential only if its name shows it
        return HIDDEN if _NAMES.search(name) else _hidden_in(value)
    if not is_hidden(name, value):
        return value
    if len(value) >= _SHORTEST:
        removed.append(value)
    return HIDDEN


def without(text: str, removed: Iterable[str]) -> str:
    """Return `text` without the removed values."""
    for value in removed:
        text = text.replace(value, HIDDEN)
    return text


def contains(value: Any, removed: tuple[str, ...]) -> bool:
    """Whether a removed value occurs in `value`, at any level."""
    ahead = [value]
    while ahead:
        part = ahead.pop()
        if isinstance(part, str):
            if any(each in part for each in removed):
                return True
        elif isinstance(part, bytes | bytearray):
            if any(each.encode("utf-8", "replace") in part for each in removed):
                return True
        elif isinstance(part, dict):
            ahead += [*part, *part.values()]
        elif isinstance(part, list | tuple | set | frozenset):
            ahead += part
        elif isinstance(fields := getattr(part, "__dict__", None), dict):
            ahead += fields.values()
    return False
