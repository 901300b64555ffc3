"""Targets: where an outward connection leads, and how it is made.

A url may carry a password or a token. It is used as given, and shown without either.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import ssl
from collections.abc import Mapping, Sequence
from typing import Any, Literal
from urllib.parse import SplitResult, urlsplit, urlunsplit

from websockets.exceptions import InvalidStatus, InvalidURI
from websockets.headers import validate_subprotocols
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from zefnb.errors import ConnectionFailed, FieldError, shown
from zefnb.net.client.connection import Attempt, OutwardConnection
from zefnb.net.client.failures import CONNECT_WITHIN, why_failed
from zefnb.net.client.printable import printable_url
from zefnb.net.client.redirects import MODES, MOST_REDIRECTS, Hop, RedirectMode, RedirectRefused, follow, location_of
from zefnb.net.hosts import is_loopback

CLOSE_WITHIN = 1.0
MAX_SIZE = 16 << 20

_URL = "ws://host/path or wss://host/path"
_HINTS = {"http": "ws:// is the WebSocket's http://", "https": "wss:// is the WebSocket's https://"}
_HEADERS = "a dict from names to values, text without line breaks"
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

# The library would log handshakes, headers included, to whoever turns debugging on for all loggers.
_quiet = logging.getLogger("zefnb.websockets")
_quiet.setLevel(logging.CRITICAL + 1)


class Target:
    """An outward url and everything that it takes to connect to it."""

    def __init__(
        self,
        url: str,
        context: ssl.SSLContext | None = None,
        headers: Sequence[tuple[str, str]] = (),
        subprotocols: Sequence[str] = (),
        redirects: RedirectMode = "same-origin",
    ) -> None:
        self.shown = printable_url(url)
        self._url = url
        self._context = context
        self._headers = list(headers)
        self._subprotocols = [Subprotocol(name) for name in subprotocols]
        self._redirects = redirects

    def __repr__(self) -> str:
        return self.shown

    async def connect(self) -> OutwardConnection:
        """A connection whose handshake is done. Raises `ConnectionFailed`, with the reason in plain words."""
        try:
            async with asyncio.timeout(CONNECT_WITHIN):
                return await self._connect()
        except Exception as error:
            # Not chained: errors of the library can hold the url with its secrets.
            raise ConnectionFailed(f"could not connect to {self.shown}: {why_failed(error)}") from None

    async def _connect(self) -> OutwardConnection:
        hops = [Hop(self._url, self._headers)]
        for _ in range(MOST_REDIRECTS + 1):
            found = await self._first_of(hops)
            if isinstance(found, OutwardConnection):
                return found
            hops = found
        raise RedirectRefused(f"more than {MOST_REDIRECTS} redirects, one after the other")

    async def _first_of(self, hops: list[Hop]) -> OutwardConnection | list[Hop]:
        """Connect by the first address that is there: a connection, or where it redirects to."""
        for number, hop in enumerate(hops, 1):
            try:
                return await self._try(hop)
            except OSError:
                if number == len(hops):
                    raise
        raise AssertionError("there is at least one")

    async def _try(self, hop: Hop) -> OutwardConnection | list[Hop]:
        parts = urlsplit(hop.url)
        # A proxy in the environment stands between us and others, not between us and ourselves.
        proxy: Literal[True] | None = None if hop.address or is_loopback(parts.hostname or "") else True
        address = {"host": hop.address} if hop.address is not None else {}
        attempt = Attempt(
            hop.url,
            **await self._tls(parts.scheme),
            **address,
            additional_headers=hop.headers,
            subprotocols=self._subprotocols or None,
            compression=None,
            proxy=proxy,
            # The whole way has one limit.
            open_timeout=None,
            close_timeout=CLOSE_WITHIN,
            max_size=MAX_SIZE,
            logger=_quiet,
        )
        try:
            connection = await attempt
        except InvalidStatus as answer:
            location = location_of(answer.response)
            if location is None:
                raise
            return await follow(hop, location, attempt.peer, self._redirects)
        assert isinstance(connection, OutwardConnection)
        return connection

    async def _tls(self, scheme: str) -> dict[str, Any]:
        if scheme != "wss":
            return {}
        if self._context is None:
            # In a thread, because reading all the system's certificates takes some 20 ms.
            self._context = await asyncio.to_thread(ssl.create_default_context)
        return {"ssl": self._context}


def check_target(
    url: str,
    port: int | None,
    context: ssl.SSLContext | None,
    ca_file: Any,
    headers: Any,
    subprotocols: Sequence[str],
    redirects: str,
    faults: list[FieldError],
) -> Target | None:
    """The target that these fields describe, or `None` and what is wrong with them, added to `faults`."""
    before = len(faults)
    full = _check_url(url, port, faults)
    pairs = _check_headers(headers, faults)
    context = _check_tls(full, context, ca_file, faults)
    try:
        validate_subprotocols([Subprotocol(name) for name in subprotocols])
    except (TypeError, ValueError):
        faults.append(FieldError("subprotocols", f"got {shown(subprotocols)}", "a list of names without spaces"))
    mode = next((mode for mode in MODES if mode == redirects), None)
    if mode is None:
        faults.append(FieldError("redirects", f"got {shown(redirects)}", ", ".join(map(repr, MODES))))
    if full is None or mode is None or len(faults) != before:
        return None
    return Target(full, context, pairs, subprotocols, mode)


def _check_url(url: str, port: int | None, faults: list[FieldError]) -> str | None:
    """The url with its port. What is wrong is said without repeating the url, which may hold a secret."""
    if port is not None and not 1 <= port <= 65535:
        faults.append(FieldError("port", f"got {port}", "1 to 65535"))
        port = None
    try:
        parts = urlsplit(url)
        own_port = parts.port
    except ValueError:
        faults.append(FieldError("url", "its host or port is malformed", _URL))
        return None
    problem = _problem_of(url, parts)
    if problem:
        faults.append(FieldError("url", problem, _URL, _HINTS.get(parts.scheme, "")))
        return None
    if port is None or port == own_port:
        return url
    if own_port is not None:
        faults.append(FieldError("port", f"got {port}, but the url says {own_port}", "one of the two"))
        return None
    return urlunsplit(parts._replace(netloc=f"{parts.netloc.removesuffix(':')}:{port}"))


def _problem_of(url: str, parts: SplitResult) -> str:
    if re.search(r"\s", url):
        return "it holds white space"
    if parts.scheme in _HINTS:
        return f"it begins with {parts.scheme}://"
    if parts.scheme not in ("ws", "wss"):
        return "it does not begin with ws:// or wss://"
    if parts.port == 0:
        return "its port is 0"
    try:
        parse_uri(url)
    except InvalidURI as error:
        return error.msg
    except ValueError:
        return "its host is malformed"
    return ""


def _check_headers(given: Any, faults: list[FieldError]) -> list[tuple[str, str]]:
    """The headers as pairs. Values are never shown: they are where tokens are."""
    pairs = list(given.items()) if isinstance(given, Mapping) else given
    if pairs is None:
        return []
    if not isinstance(pairs, list | tuple) or not all(isinstance(p, list | tuple) and len(p) == 2 for p in pairs):
        faults.append(FieldError("headers", f"got a {type(given).__name__}", _HEADERS))
        return []
    for name, value in pairs:
        if not isinstance(name, str) or not _TOKEN.match(name):
            faults.append(FieldError("headers", "a name is no header's name", _HEADERS))
        elif not isinstance(value, str) or _CONTROL.search(value):
            faults.append(FieldError("headers", f"the value of {name} cannot be sent", _HEADERS))
    return [(name, value) for name, value in pairs]


def _check_tls(
    url: str | None, context: ssl.SSLContext | None, ca_file: Any, faults: list[FieldError]
) -> ssl.SSLContext | None:
    if context is not None and ca_file is not None:
        faults.append(FieldError("ca_file", "given together with `ssl_context`", "one of the two"))
        return None
    if url is not None and url.lower().startswith("ws:"):
        for name, value in (("ssl_context", context), ("ca_file", ca_file)):
            if value is not None:
                faults.append(FieldError(name, "ws:// has no certificates", "with wss:// only"))
        return None
    if ca_file is None:
        return context
    try:
        return ssl.create_default_context(cafile=os.fspath(ca_file))
    except ssl.SSLError:
        problem = f"{shown(ca_file)} holds no certificate"
    except (OSError, TypeError) as error:
        problem = f"{shown(ca_file)}: {getattr(error, 'strerror', None) or 'no path'}"
    faults.append(FieldError("ca_file", problem, "a file of certificates (PEM) to trust"))
    return None
