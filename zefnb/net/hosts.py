"""Host names: parsing by RFC 9110 (section 7.2), and which of them mean this machine."""

from __future__ import annotations

import contextlib
import functools
import ipaddress
import re
import socket

# Nothing that two parsers could read differently: no user, no blanks, no second colon.
_AUTHORITY = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::([0-9]{0,5}))?")


# Each handshake has the same few hosts, three times. Few results are kept: a peer can send long ones.
@functools.lru_cache(maxsize=64)
def split_host(authority: str) -> tuple[str, int | None]:
    """A Host header as name and port, the name in lower case and without brackets; an empty name for an invalid header.

    >>> split_host('LocalHost:8000'), split_host('[::1]:80'), split_host('a.example')
    (('localhost', 8000), ('::1', 80), ('a.example', None))
    """
    found = _AUTHORITY.fullmatch(authority)
    if found is None:
        return "", None
    address, name, port = found.groups()
    number = int(port) if port else None
    if number is not None and number > 65_535:
        return "", None
    if address is None:
        return str(name).lower().rstrip("."), number
    try:
        return str(ipaddress.IPv6Address(address)), number
    except ValueError:
        return "", None


@functools.lru_cache(maxsize=256)
def is_loopback(name: str) -> bool:
    """Whether `name` can only mean this machine (RFC 6761, section 6.3)."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def machine_hosts() -> set[str]:
    """The names and addresses of this machine."""
    name = socket.gethostname()
    hosts = {name.lower(), socket.getfqdn().lower()}
    # Clients may still reach a machine by its name when it cannot resolve the name itself.
    with contextlib.suppress(OSError):
        hosts.update(str(info[4][0]).partition("%")[0].lower() for info in socket.getaddrinfo(name, None))
    for family, peer in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        # Connecting a datagram socket sends nothing; its own address is then the one that would be used.
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((peer, 9))
                hosts.add(str(probe.getsockname()[0]))
        except OSError:
            continue
    return hosts


def network_of(address: str) -> str:
    """The address, or its network for IPv6, where each customer has one of 64 bits.

    >>> network_of('192.0.2.1'), network_of('2001:db8::1'), network_of('::ffff:192.0.2.1')
    ('192.0.2.1', '2001:db8::/64', '192.0.2.1')
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 4:
        return str(parsed)
    return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False))
