"""Admission: which Host and Origin headers a server accepts.

A foreign page must not reach a server on this machine: not through a name that resolves to it
(DNS rebinding: a foreign Host), and not from its own script (cross-site hijacking: a foreign Origin).
Programs other than browsers send no Origin, and are accepted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from zefnb.errors import FieldError
from zefnb.net.hosts import is_loopback, machine_hosts, split_host

_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://.+")
_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


class Admission:
    """Decides by Host and Origin. Names are compared whole and in lower case."""

    def __init__(self, allowed_hosts: Sequence[str] = (), allowed_origins: Sequence[str] = ()) -> None:
        self._hosts = {_normal_host(host) for host in allowed_hosts}
        self._origins = {_normal_origin(origin) for origin in allowed_origins}
        self.port = 0

    def allow_host(self, host: str) -> None:
        """Accept this host name too, for instance the one at which users reach a notebook."""
        self._hosts.add(_normal_host(host))

    def allow_origin(self, origin: str) -> None:
        """Accept pages of this origin too."""
        self._origins.add(_normal_origin(origin))

    def allow_machine(self) -> None:
        """Accept this machine's own names and addresses."""
        for host in machine_hosts():
            self.allow_host(host)

    def host_fits(self, host: str | None) -> bool:
        """Whether a request with the Host `host` is accepted.

        >>> Admission().host_fits('localhost:8000'), Admission().host_fits('evil.example')
        (True, False)
        """
        if not host:
            return False
        name, port = split_host(host)
        if not name:
            return False
        return is_loopback(name) or name in self._hosts or (port is not None and f"{name}:{port}" in self._hosts)

    def origin_fits(self, origin: str | None) -> bool:
        """Whether a page of `origin` may connect. `None` means no header, which is accepted.

        >>> a = Admission(allowed_origins=['https://app.example'])
        >>> a.origin_fits(None), a.origin_fits('http://localhost:8888'), a.origin_fits('null')
        (True, True, False)
        >>> a.origin_fits('https://app.example'), a.origin_fits('https://app.example.evil')
        (True, False)
        """
        if origin is None:
            return True
        normal = _normal_origin(origin)
        scheme, _, authority = normal.partition("://")
        if not authority:
            return False
        if normal in self._origins:
            return True
        if scheme not in ("http", "https"):
            return False
        name, port = split_host(authority)
        if is_loopback(name):
            return True
        port = port if port is not None else _DEFAULT_PORTS[scheme]
        if f"{name}:{port}" in self._hosts:
            return True
        return name in self._hosts and port in (self.port, _DEFAULT_PORTS[scheme])

    def is_named(self, origin: str) -> bool:
        """Whether `origin` is one of `allowed_origins`, and not only accepted because of its host.

        >>> Admission(allowed_origins=['https://app.example']).is_named('https://APP.example:443')
        True
        """
        return _normal_origin(origin) in self._origins


def is_same_origin(one: str, other: str) -> bool:
    """Whether two origins are the same (RFC 6454, section 5).

    >>> is_same_origin('https://A.example:443', 'https://a.example')
    True
    """
    return _normal_origin(one) == _normal_origin(other)


def list_faults(field: str, given: Iterable[object] | None) -> list[FieldError]:
    """The mistakes in a list of hosts or origins."""
    faults = []
    for item in given or ():
        if not isinstance(item, str) or not item or "*" in item:
            faults.append(
                FieldError(field, f"got {item!r}", "whole names, such as 'hub.example' or 'https://app.example'")
            )
        elif field == "allowed_origins" and not _ORIGIN.fullmatch(_normal_origin(item)):
            allowed = "scheme, host and port, without a path, such as 'https://app.example'"
            faults.append(FieldError(field, f"got {item!r}", allowed))
        elif field == "allowed_hosts" and not _normal_host(item):
            faults.append(
                FieldError(field, f"got {item!r}", "a name or address, such as 'hub.example', without a scheme")
            )
    return faults


def _normal_host(host: str) -> str:
    if host.count(":") > 1 and not host.startswith("["):
        host = f"[{host}]"
    name, port = split_host(host)
    return f"{name}:{port}" if name and port is not None else name


def _normal_origin(origin: str) -> str:
    """Scheme, host and port in lower case, without a default port (RFC 6454, section 6.2)."""
    scheme, separator, authority = origin.strip().lower().partition("://")
    if not separator:
        return origin.strip().lower()
    name, port = split_host(authority)
    shown = f"[{name}]" if ":" in name else name
    return f"{scheme}://{shown}" if port in (None, _DEFAULT_PORTS.get(scheme)) else f"{scheme}://{shown}:{port}"
