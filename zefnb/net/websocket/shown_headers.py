"""The headers of a handshake as an actor sees them, without the client's credentials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from zefnb.text.secrets import hide_secrets

# The subprotocols that a client offers: scripts in a page can set no other header, so some put a token there.
_LEFT_OUT = ("sec-websocket-protocol",)
_HIDDEN = "…"
# The handshake and the gate have checked these values. The search for a secret in the key, whose name is that of a
# secret, would take much of the time of a new client with an actor.
_CHECKED = frozenset({"host", "upgrade", "sec-websocket-key", "sec-websocket-version"})


def without_secrets(headers: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The values of each header. Cookies and credentials are left out, and tokens within a value are replaced by `…`.

    >>> without_secrets({'cookie': ['a=b'], 'x-api-key': ['k'], 'referer': ['http://a/?token=t'], 'dnt': ['1']})
    {'referer': ['http://a/?token=…'], 'dnt': ['1']}
    """
    shown: dict[str, list[str]] = {}
    for name, values in headers.items():
        if name in _CHECKED or (name == "connection" and [*values] == ["Upgrade"]):
            shown[name] = [*values]
        elif name not in _LEFT_OUT and (public := [text for each in values if (text := _shown(name, each)) != _HIDDEN]):
            shown[name] = public
    return shown


def _shown(name: str, value: str) -> str:
    """The value without its secrets. The name of the header is searched, too."""
    lead = f"{name}: "
    return hide_secrets(lead + value).removeprefix(lead)
