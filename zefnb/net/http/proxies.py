"""Trusted proxies: they describe the client in X-Forwarded-For, -Proto, -Host and -Prefix.

Any peer can send these headers, so they are used only from the proxies that the program names.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from typing import Any

from zefnb.errors import FieldError, shown
from zefnb.net.http.request_head import RequestHead

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# A path, not an address: two slashes at its beginning would name a host.
_PREFIX = r"(?:/[A-Za-z0-9._~%!$&'()*+,;=:@-]+)+"
_LONGEST_PREFIX = 1_000
# Further hops are ignored.
_MOST_HOPS = 50


class Proxies:
    """The proxies that a server trusts, by address or network."""

    def __init__(self, trusted: Iterable[str] = ()) -> None:
        self._networks = [ipaddress.ip_network(each, strict=False) for each in trusted]

    def original(self, head: RequestHead) -> RequestHead:
        """The head as the first trusted proxy received it; `head` itself when it does not come from one."""
        peer = _address(head.client_ip)
        if peer is None or not self._trusts(peer):
            return head
        hops = _list(head.values("x-forwarded-for"))[-_MOST_HOPS:]
        at, client = self._client(peer, hops)
        protocol = _at(at, hops, head.values("x-forwarded-proto")).lower()
        host = _at(at, hops, head.values("x-forwarded-host"))
        return head._replace(
            # The gate checks this Host as any other: a client chooses it, also behind a proxy.
            headers={**head.headers, "host": (host,)} if host else head.headers,
            client_ip=str(client),
            is_secure=protocol in ("https", "wss") if protocol in _PROTOCOLS else head.is_secure,
            prefix=_prefix(head.values("x-forwarded-prefix")),
            is_proxied=True,
        )

    def _client(self, peer: Address, hops: Sequence[str]) -> tuple[int, Address]:
        """The index and value of the last address that no trusted proxy has. Each hop adds the address before it."""
        client, found = peer, len(hops) - 1
        for at in range(len(hops) - 1, -1, -1):
            address = _address(hops[at])
            if address is None:
                break
            client, found = address, at
            if not self._trusts(address):
                break
        return found, client

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


_PROTOCOLS = ("http", "https", "ws", "wss")


def proxy_faults(field: str, given: Any) -> list[FieldError]:
    """The mistakes in a list of proxies."""
    allowed = "addresses and networks, such as '10.0.0.5' or '10.0.0.0/8'"
    if isinstance(given, str) or not isinstance(given, Iterable):
        return [FieldError(field, f"got {shown(given)}", f"a list of {allowed}")]
    return [FieldError(field, f"got {shown(each)}", allowed) for each in given if not _is_network(each)]


def _is_network(given: Any) -> bool:
    try:
        return isinstance(given, str) and ipaddress.ip_network(given, strict=False) is not None
    except ValueError:
        return False


def _list(values: Sequence[str]) -> list[str]:
    """The members of a header that is a list and may occur several times."""
    return [member.strip() for value in values for member in value.split(",") if member.strip()]


def _at(at: int, hops: Sequence[str], values: Sequence[str]) -> str:
    """The member for one hop of a header that has one for each; a single one belongs to the nearest proxy."""
    members = _list(values)[-_MOST_HOPS:]
    if not members:
        return ""
    return members[at] if len(members) == len(hops) else members[-1]


def _address(text: str) -> Address | None:
    """The address in a text, which may have a port, and brackets for IPv6."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _prefix(values: Sequence[str]) -> str:
    """The path below which clients see the server, without a slash at its end; empty for an invalid one."""
    path = values[-1].strip().rstrip("/") if values else ""
    fits = len(path) <= _LONGEST_PREFIX and re.fullmatch(_PREFIX, path) and not {".", ".."} & set(path.split("/"))
    return path if fits else ""
