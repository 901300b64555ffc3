"""Redirects of outward connections: which are followed, and what goes along.

A server elsewhere must not lead us to a service on this machine or its network, which trusts whoever is inside, and
must not be given what was meant for another. Where a host's name leads is judged by its addresses, and the connection
goes to one that was judged: no spelling of an address, and no name that changes meanwhile, gets past that.
"""

from __future__ import annotations

import asyncio
import enum
import ipaddress
import socket
from typing import Literal, NamedTuple
from urllib.parse import urljoin, urlsplit, urlunsplit

from websockets.exceptions import InvalidURI
from websockets.http11 import Response
from websockets.proxy import get_proxy
from websockets.uri import WebSocketURI, parse_uri

from zefnb.net.client.printable import printable_url
from zefnb.net.hosts import is_loopback

RedirectMode = Literal["same-origin", "any", "none"]
MODES: tuple[RedirectMode, ...] = ("same-origin", "any", "none")
MOST_REDIRECTS = 10

_STATUSES = frozenset((301, 302, 303, 307, 308))
_SCHEMES = {"ws": "ws", "http": "ws", "wss": "wss", "https": "wss"}
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")


class RedirectRefused(Exception):
    """A redirect that is not followed, and why, in plain words and without anything secret."""


class Hop(NamedTuple):
    """One stop on the way: its url, the headers to send, and the address to connect to (`None`: any of the host's)."""

    url: str
    headers: list[tuple[str, str]]
    address: str | None = None


class Scope(enum.IntEnum):
    """How far away an address is."""

    MACHINE = 0
    NETWORK = 1
    PUBLIC = 2


def scope_of(address: str) -> Scope:
    """Where a literal address leads: to this machine, to a private network, or to anywhere.

    >>> [scope_of(a).name for a in ('127.0.0.1', '0.0.0.0', '::ffff:10.0.0.1', 'fe80::1%eth0', '1.1.1.1')]
    ['MACHINE', 'MACHINE', 'NETWORK', 'NETWORK', 'PUBLIC']
    """
    ip = _unwrapped(ipaddress.ip_address(address.partition("%")[0]))
    if ip.is_multicast or int(ip) == 0xFFFF_FFFF:
        return Scope.NETWORK
    if ip.is_loopback or ip.is_unspecified or (ip.version == 4 and ip.packed[0] == 0) or _is_own(ip):
        return Scope.MACHINE
    is_site_local = isinstance(ip, ipaddress.IPv6Address) and ip.is_site_local
    return Scope.PUBLIC if ip.is_global and not is_site_local else Scope.NETWORK


def _unwrapped(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The IPv4 address that an IPv6 address stands for, if it does (RFC 4291, 3056, 4380, 6052)."""
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo is not None else None)
    if inner is not None:
        return inner
    if ip in _TRANSLATED or 1 < int(ip) < 1 << 32:
        return ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
    return ip


def _is_own(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether this machine has the address, which may be a public one. Only then can one bind to it."""
    try:
        with socket.socket(socket.AF_INET if ip.version == 4 else socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind((str(ip), 0))
            return True
    except OSError:
        return False


def location_of(response: Response) -> str | None:
    """Where `response` redirects to, or `None` when it is no redirect."""
    locations = response.headers.get_all("Location")
    return locations[0] if response.status_code in _STATUSES and len(locations) == 1 else None


async def follow(hop: Hop, location: str, peer: str | None, mode: RedirectMode) -> list[Hop]:
    """The next stops to try, one for each address, for a redirect from `peer` to `location`.

    `peer` is the address that redirects, `None` behind a proxy. Raises `RedirectRefused`.
    """
    url = _joined(hop.url, location)
    if mode == "none":
        raise RedirectRefused(f"the server redirects to {printable_url(url)}, and redirects='none' follows nothing")
    before, after = parse_uri(hop.url), parse_uri(url)
    if before.secure and not after.secure:
        raise RedirectRefused("a redirect leads from wss to ws, which is never followed")
    stays = _origin(before) == _origin(after)
    if not stays and mode == "same-origin":
        raise RedirectRefused(
            f"the server redirects to {printable_url(url)}, which is another origin; "
            "connect there, or follow it with redirects='any', without `headers`"
        )
    addresses = await _addresses(after)
    nearest = _scope_of_peer(before, peer, stays)
    if any(scope_of(address) < nearest for address in addresses):
        raise RedirectRefused(
            f"a server elsewhere redirects to {printable_url(url)}, which is on this machine or its network; "
            "that is never followed"
        )
    headers = hop.headers if stays else []
    url = _with_user_of(hop.url, url) if stays else url
    if get_proxy(after) is not None and not is_loopback(after.host):
        return [Hop(url, headers)]
    return [Hop(url, headers, address) for address in addresses]


def _joined(base: str, location: str) -> str:
    """The url that `location` means, seen from `base` (RFC 3986, section 5), without user and fragment."""
    try:
        # Relative ones are resolved between http urls, which `urljoin` is sure to know.
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
    """User and password of a url are for its origin: on the same one they go along."""
    user, at, _ = urlsplit(old).netloc.rpartition("@")
    parts = urlsplit(new)
    return urlunsplit(parts._replace(netloc=f"{user}{at}{parts.netloc}"))


async def _addresses(uri: WebSocketURI) -> list[str]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(uri.host, uri.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        # Behind a proxy, too: what cannot be judged is not followed.
        raise RedirectRefused("the server redirects to a host whose name has no address") from None
    return list(dict.fromkeys(str(info[4][0]) for info in found))


def _scope_of_peer(uri: WebSocketURI, peer: str | None, stays: bool) -> Scope:
    if peer is None:
        return Scope.PUBLIC
    scope = scope_of(peer)
    # A name that is not this machine's own may lead here today and elsewhere tomorrow.
    if scope is Scope.MACHINE and not stays and not _means_this_machine(uri.host):
        return Scope.NETWORK
    return scope


def _means_this_machine(host: str) -> bool:
    if is_loopback(host):
        return True
    try:
        return scope_of(host) is Scope.MACHINE
    except ValueError:
        return host == socket.gethostname().lower()
