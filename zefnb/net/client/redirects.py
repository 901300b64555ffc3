"""Redirects of outward connections: which are followed, and with which headers.

A remote server must not redirect the client to a service on this machine or its network, which may trust all its local
peers, and must not get headers that were meant for another server. The addresses of the host decide, and the connection
uses one of the checked addresses. So neither an unusual spelling of an address nor a name whose addresses change can
avoid the check.
"""

from __future__ import annotations

from typing import Literal, NamedTuple
from urllib.parse import urljoin, urlsplit, urlunsplit

from websockets.exceptions import InvalidURI
from websockets.http11 import Response
from websockets.proxy import get_proxy
from websockets.uri import WebSocketURI, parse_uri

from zefnb.net.client.addresses import Scope, addresses_of, means_this_machine, scope_of
from zefnb.net.client.printable import printable_url

RedirectMode = Literal["same-origin", "any", "none"]
MODES: tuple[RedirectMode, ...] = ("same-origin", "any", "none")

_STATUSES = frozenset((301, 302, 303, 307, 308))
_SCHEMES = {"ws": "ws", "http": "ws", "wss": "wss", "https": "wss"}


class RedirectRefused(Exception):
    """A redirect that is not followed. The text has the reason, in plain words and without secrets."""


class Hop(NamedTuple):
    """One step of the redirects: its url, the headers to send, and the address (`None`: any address of the host)."""

    url: str
    headers: list[tuple[str, str]]
    address: str | None = None


def location_of(response: Response) -> str | None:
    """The target of the redirect in `response`, or `None` when `response` does not redirect."""
    locations = response.headers.get_all("Location")
    return locations[0] if response.status_code in _STATUSES and len(locations) == 1 else None


async def follow(hop: Hop, location: str, peer: str | None, mode: RedirectMode) -> list[Hop]:
    """The next steps to try, one for each address, for a redirect from `peer` to `location`.

    `peer` is the address of the server that redirects, `None` behind a proxy. Raises `RedirectRefused`.
    """
    url = _joined(hop.url, location)
    if mode == "none":
        raise RedirectRefused(f"the server redirects to {printable_url(url)}, and redirects='none' follows no redirect")
    before, after = parse_uri(hop.url), parse_uri(url)
    if before.secure and not after.secure:
        raise RedirectRefused("a redirect leads from wss to ws, which is never followed")
    same_origin = _origin(before) == _origin(after)
    if not same_origin and mode == "same-origin":
        raise RedirectRefused(
            f"the server redirects to {printable_url(url)}, which is another origin; "
            "connect there, or follow it with redirects='any', without `headers`"
        )
    try:
        addresses = await addresses_of(after)
    except (OSError, UnicodeError):
        # Also behind a proxy: a host without an address cannot be checked, so the redirect is not followed.
        raise RedirectRefused("the server redirects to a host whose name has no address") from None
    peer_scope = _scope_of_peer(before, peer, same_origin)
    if any(scope_of(address) < peer_scope for address in addresses):
        raise RedirectRefused(
            f"a remote server redirects to {printable_url(url)}, which is on this machine or its network; "
            "such a redirect is never followed"
        )
    headers = hop.headers if same_origin else []
    url = _with_user_of(hop.url, url) if same_origin else url
    if get_proxy(after) is not None and any(scope_of(address) is not Scope.MACHINE for address in addresses):
        return [Hop(url, headers)]
    return [Hop(url, headers, address) for address in addresses]


def _joined(base: str, location: str) -> str:
    """The url of `location` relative to `base` (RFC 3986, section 5), without user and fragment."""
    try:
        # As http urls, since `urljoin` resolves relative urls only for some schemes.
        joined = urljoin(f"http{base[2:]}", location)
        parts = urlsplit(joined)
        scheme = _SCHEMES.get(parts.scheme)
        if scheme is None:
            raise RedirectRefused(f"the server redirects to a url of the scheme {parts.scheme[:20]!r}")
        url = urlunsplit((scheme, parts.netloc.rpartition("@")[2], parts.path, parts.query, ""))
        if parts.port == 0 or not url.isprintable() or " " in url:
            raise ValueError
        parse_uri(url)
    except (ValueError, InvalidURI):
        raise RedirectRefused("the server redirects to a malformed url") from None
    return url


def _origin(uri: WebSocketURI) -> tuple[bool, str, int]:
    return uri.secure, uri.host.lower(), uri.port


def _with_user_of(old: str, new: str) -> str:
    """`new` with the user and password of `old`, which are valid for the same origin."""
    user, at, _ = urlsplit(old).netloc.rpartition("@")
    parts = urlsplit(new)
    return urlunsplit(parts._replace(netloc=f"{user}{at}{parts.netloc}"))


def _scope_of_peer(uri: WebSocketURI, peer: str | None, same_origin: bool) -> Scope:
    if peer is None:
        return Scope.PUBLIC
    scope = scope_of(peer)
    # A name that does not always mean this machine may have another address later.
    if scope is Scope.MACHINE and not same_origin and not means_this_machine(uri.host):
        return Scope.NETWORK
    return scope
