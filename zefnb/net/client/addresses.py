"""Addresses: whether a host is this machine, in its network, or public."""

from __future__ import annotations

import asyncio
import enum
import ipaddress
import socket

from websockets.uri import WebSocketURI

from zefnb.net.hosts import is_loopback

# IPv6 networks whose last 32 bits are an IPv4 address (RFC 6052, section 2.1, and RFC 2765, section 2.1).
_TRANSLATED = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("::ffff:0:0:0/96"))
# The same for interfaces of ISATAP, in any network (RFC 5214, section 6.1).
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)
# Networks that are never reached over the internet, which some versions of Python count as global (RFC 8215, RFC 6890).
_LOCAL_USE = (ipaddress.ip_network("64:ff9b:1::/48"), ipaddress.ip_network("192.0.0.0/24"))


class Scope(enum.IntEnum):
    """The distance of an address from this machine."""

    MACHINE = 0
    NETWORK = 1
    PUBLIC = 2


def scope_of(address: str) -> Scope:
    """The scope of a literal address: this machine, a private network, or public.

    >>> [scope_of(a).name for a in ('127.0.0.1', '0.0.0.0', '::ffff:10.0.0.1', 'fe80::1%eth0', '1.1.1.1')]
    ['MACHINE', 'MACHINE', 'NETWORK', 'NETWORK', 'PUBLIC']
    """
    ip = _unwrapped(ipaddress.ip_address(address.partition("%")[0]))
    if ip.is_multicast or int(ip) == 0xFFFF_FFFF:
        return Scope.NETWORK
    if ip.is_loopback or ip.is_unspecified or (ip.version == 4 and ip.packed[0] == 0) or _is_own(ip):
        return Scope.MACHINE
    is_site_local = isinstance(ip, ipaddress.IPv6Address) and ip.is_site_local
    is_local_use = is_site_local or any(ip in network for network in _LOCAL_USE)
    return Scope.PUBLIC if ip.is_global and not is_local_use else Scope.NETWORK


def _unwrapped(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The IPv4 address in an IPv6 address, if it has one (RFC 4291, 3056, 4380, 6052), else the address itself."""
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo is not None else None)
    if inner is not None:
        return inner
    is_isatap = int(ip) >> 32 & 0xFFFF_FFFF in _ISATAP
    if is_isatap or any(ip in network for network in _TRANSLATED) or 1 < int(ip) < 1 << 32:
        return ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
    return ip


def _is_own(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether this machine has the address, which may be a public one: only then does `bind` succeed."""
    try:
        with socket.socket(socket.AF_INET if ip.version == 4 else socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind((str(ip), 0))
            return True
    except OSError:
        return False


async def addresses_of(uri: WebSocketURI) -> list[str]:
    """The addresses of the url's host. Raises `OSError`, or `UnicodeError` for an invalid name."""
    found = await asyncio.get_running_loop().getaddrinfo(uri.host, uri.port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in found))


def means_this_machine(host: str) -> bool:
    """Whether `host` is an address or the name of this machine, and cannot mean another machine."""
    if is_loopback(host):
        return True
    try:
        return scope_of(host) is Scope.MACHINE
    except ValueError:
        return host == socket.gethostname().lower()
