"""Broker urls: checked, and never shown with their secrets."""

from __future__ import annotations

import ipaddress
import os
import ssl
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from zefnb.errors import ClusterUnavailable, FieldError, InvalidEffect
from zefnb.text.secrets import hide_secrets

_ALLOWED = "redis://host:port/db, rediss://user:password@host:port/db, or unix:///path"
# Certificates are always verified, so a url cannot turn that off.
_OPTIONS = frozenset({"ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile", "db"})


class BrokerUrl:
    """Where a broker is. Its `repr` has no secret."""

    def __init__(self, url: str) -> None:
        self._url = url
        # All connections with TLS share it: reading the certificates of all authorities takes 20 ms or more.
        self.tls: ssl.SSLContext | None = None

    def check(self) -> None:
        """Raise `InvalidEffect` if it is not valid. No frame of the traceback has the url as a text."""
        if faults := list(self._faults()):
            raise InvalidEffect("FX.JoinCluster", faults)

    def _faults(self) -> Iterator[FieldError]:
        try:
            parts = urlsplit(self._url)
            parts.port  # noqa: B018  (raises ValueError)
        except ValueError:
            yield FieldError("url", "it is not a valid url", _ALLOWED)
            return
        if parts.scheme not in ("redis", "rediss", "unix"):
            yield FieldError("url", "its scheme is not that of a broker", _ALLOWED)
        elif parts.scheme == "unix" and not parts.path:
            yield FieldError("url", "it has no path", _ALLOWED)
        elif parts.scheme != "unix" and not parts.hostname:
            yield FieldError("url", "it has no host", _ALLOWED)
        if parts.fragment:
            yield FieldError("url", "it has a #, which a password has as %23", _ALLOWED)
        options = parse_qs(parts.query, keep_blank_values=True)
        allowed = _OPTIONS if parts.scheme == "rediss" else frozenset({"db"})
        if options.keys() - allowed:
            yield FieldError("url", "it has an option that is not allowed", ", ".join(sorted(allowed)))
        path = parts.path.strip("/") if parts.scheme != "unix" else ""
        if not all(each.isdecimal() for each in filter(None, [path, *options.get("db", [])])):
            yield FieldError("url", "its database is not a number", _ALLOWED)

    def __repr__(self) -> str:
        return f"BrokerUrl({str(self)!r})"

    def __str__(self) -> str:
        return hide_secrets(self._url).partition("?")[0]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BrokerUrl) and other._url == self._url

    def __hash__(self) -> int:
        return hash(self._url)

    def prepare(self) -> None:
        """Read the certificates for TLS, not on the loop. Raises `ClusterUnavailable` if a file cannot be read."""
        from redis.asyncio.connection import SSLConnection

        options = self.options()
        kind = options.pop("connection_class")
        if not issubclass(kind, SSLConnection):
            return
        connection = kind(**options)
        options.clear()  # some tracebacks show the values of names
        try:
            self.tls = connection.ssl_context.get()
        except OSError as error:
            problem = f"the broker {self} cannot be used: a file of its certificates cannot be read: {error}"
        else:
            return
        raise ClusterUnavailable(problem)

    def without_secrets(self, text: str) -> str:
        """Return `text`, which the broker can have written, without the password."""
        password = urlsplit(self._url).password
        for secret in {password, unquote(password), quote(password, safe="")} if password else ():
            text = text.replace(secret, "…")
        return hide_secrets(text)

    def options(self) -> dict[str, Any]:
        """Return the arguments of a connection of redis-py, with its class under `connection_class`."""
        from redis.asyncio.connection import Connection, parse_url

        options: dict[str, Any] = dict(parse_url(self._url))
        options.setdefault("connection_class", Connection)
        return options

    def blocking_options(self) -> dict[str, Any]:
        """As `options`, for a connection whose calls block."""
        from redis.connection import Connection, parse_url

        options: dict[str, Any] = dict(parse_url(self._url))  # type: ignore[no-untyped-call]
        options.setdefault("connection_class", Connection)
        return options

    def warnings(self) -> list[str]:
        """Return the dangers of it: beyond this machine, without encryption or without a password."""
        parts = urlsplit(self._url)
        if parts.scheme == "unix" or _is_loopback(parts.hostname or ""):
            return []
        found = []
        if parts.scheme == "redis":
            found.append("the connection to the broker is not encrypted, and others can read and change all messages")
        if not parts.password and "ssl_certfile" not in parse_qs(parts.query):
            found.append("the broker has no password, and everyone who reaches it can read and publish all messages")
        return found


def given_broker(url: str | None) -> BrokerUrl | None:
    """Return the broker of `url`, or of ZEFNB_CLUSTER in the environment, or `None` for a private broker."""
    given = os.environ.get("ZEFNB_CLUSTER") or None if url is None else url
    return None if given is None else BrokerUrl(given)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(unquote(host)).is_loopback
    except ValueError:
        return False
