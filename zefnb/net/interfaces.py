"""The network interfaces of this machine, and the addresses at which other machines reach it."""

from __future__ import annotations

import ipaddress
from typing import NamedTuple

from zefnb.net.extras import require


class Interface(NamedTuple):
    """One interface: its name, as the system shows it, and its addresses, IPv4 first."""

    name: str
    addresses: tuple[str, ...]


def interfaces() -> list[Interface]:
    """The interfaces with an address that other machines can use in a url. Raises `NotInstalled`."""
    require("https", "ifaddr")
    import ifaddr

    found = []
    for adapter in ifaddr.get_adapters():
        every = [ip.ip if isinstance(ip.ip, str) else ip.ip[0] for ip in adapter.ips]
        usable = [address for address in every if is_usable(address)]
        if usable:
            found.append(Interface(str(adapter.nice_name), tuple(sorted(usable, key=_order))))
    return found


def is_usable(address: str) -> bool:
    """Whether other machines can use the address in a url.

    >>> [is_usable(address) for address in ('192.168.1.5', '127.0.0.1', 'fe80::1', '2001:db8::1')]
    [True, False, False, True]
    """
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return False
    # A link-local IPv6 address needs the name of the other machine's interface.
    return not (known.is_loopback or known.is_unspecified or (known.version == 6 and known.is_link_local))


def _order(address: str) -> tuple[int, str]:
    return ipaddress.ip_address(address).version, address
