"""Targets: the url of an outward connection, and how the connection is made.

A url may contain a password or a token. It is used as given, and shown without them.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import ssl
from collections.abc import Sequence
from typing import Any, Literal
from urllib.parse import SplitResult, urlsplit, urlunsplit

from websockets.exceptions import InvalidStatus, InvalidURI
from websockets.headers import validate_subprotocols
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from zefnb.errors import ConnectionFailed, FieldError, shown
from zefnb.net.client.connection import Attempt, OutwardConnection
from zefnb.net.client.failures import CONNECT_TIMEOUT, ServerNotReady, failure_text, may_be_starting
from zefnb.net.client.headers import Headers, HeadersFailed, check_headers
from zefnb.net.client.printable import printable_url
from zefnb.net.client.proxies import needs_proxy
from zefnb.net.client.redirects import MODES, Hop, RedirectMode, RedirectRefused, follow, location_of
from zefnb.net.websocket.subprotocol import NAME

CLOSE_TIMEOUT = 1.0
MOST_REDIRECTS = 10
MAX_SIZE = 16 << 20

_URL = "ws://host/path or wss://host/path"
_HINTS = {"http": "ws:// is the WebSocket's http://", "https": "wss:// is the WebSocket's https://"}
# The largest `max_size`: the library keeps a whole message in memory.
LARGEST_MAX_SIZE = 1 << 30

# Otherwise the library would log handshakes with their headers when a program turns on debugging for all loggers.
_quiet = logging.getLogger("zefnb.websockets")
_quiet.setLevel(logging.CRITICAL + 1)


class Target:
    """An outward url and everything that is needed to connect to it."""

    def __init__(
        self,
        url: str,
        context: ssl.SSLContext | None = None,
        headers: Headers | None = None,
        subprotocols: Sequence[str] = (),
        redirects: RedirectMode = "same-origin",
        max_size: int = MAX_SIZE,
    ) -> None:
        self.shown = printable_url(url)
        self._url = url
        self._context = context
        self._headers = headers or Headers([])
        # A program that chooses a subprotocol gets that one; others get sessions where the server has them.
        self._subprotocols = [Subprotocol(name) for name in subprotocols or (NAME,)]
        self._redirects = redirects
        self.max_size = max_size

    def __repr__(self) -> str:
        return self.shown

    async def connect(self) -> OutwardConnection:
        """Return a connection whose handshake is done.

        Raises `ConnectionFailed` with the reason in plain words, or its subclass `ServerNotReady` when a later
        attempt may succeed.
        """
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                return await self._connect()
        except HeadersFailed as error:
            raise ConnectionFailed(f"could not connect to {self.shown}: {error}") from error.__cause__
        except Exception as error:
            # Not chained: errors of the library can contain the url with its secrets.
            kind = ServerNotReady if may_be_starting(error) else ConnectionFailed
            raise kind(f"could not connect to {self.shown}: {failure_text(error)}") from None

    async def _connect(self) -> OutwardConnection:
        hops = [Hop(self._url, await self._headers.for_attempt())]
        for _ in range(MOST_REDIRECTS + 1):
            result = await self._connect_to_one(hops)
            if isinstance(result, OutwardConnection):
                return result
            hops = result
        raise RedirectRefused(f"more than {MOST_REDIRECTS} redirects, one after the other")

    async def _connect_to_one(self, hops: list[Hop]) -> OutwardConnection | list[Hop]:
        """Connect to the first address that accepts. Returns a connection, or the next steps of a redirect."""
        for number, hop in enumerate(hops, 1):
            try:
                return await self._try(hop)
            except OSError:
                if number == len(hops):
                    raise
        raise AssertionError("there is at least one")

    async def _try(self, hop: Hop) -> OutwardConnection | list[Hop]:
        parts = urlsplit(hop.url)
        proxy: Literal[True] | None = True if not hop.address and await needs_proxy(parse_uri(hop.url)) else None
        address = {"host": hop.address} if hop.address is not None else {}
        attempt = Attempt(
            hop.url,
            **await self._tls(parts.scheme),
            **address,
            additional_headers=hop.headers,
            subprotocols=self._subprotocols,
            compression=None,
            proxy=proxy,
            # `connect` has one limit for all steps together.
            open_timeout=None,
            close_timeout=CLOSE_TIMEOUT,
            max_size=self.max_size,
            logger=_quiet,
        )
        try:
            connection = await attempt
        except InvalidStatus as error:
            location = location_of(error.response)
            if location is None:
                raise
            return await follow(hop, location, attempt.peer, self._redirects)
        assert isinstance(connection, OutwardConnection)
        return connection

    async def _tls(self, scheme: str) -> dict[str, Any]:
        if scheme != "wss":
            return {}
        if self._context is None:
            # In a thread, since reading all certificates of the system takes some 20 ms.
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
    max_size: int,
    faults: list[FieldError],
) -> Target | None:
    """The target for these fields. Returns `None` when there are mistakes, which are added to `faults`."""
    before = len(faults)
    full = _check_url(url, port, faults)
    checked_headers = check_headers(headers, faults)
    context = _check_tls(full, context, ca_file, faults)
    try:
        validate_subprotocols([Subprotocol(name) for name in subprotocols])
    except (TypeError, ValueError):
        faults.append(FieldError("subprotocols", f"got {shown(subprotocols)}", "a list of names without spaces"))
    mode = next((mode for mode in MODES if mode == redirects), None)
    if mode is None:
        faults.append(FieldError("redirects", f"got {shown(redirects)}", ", ".join(map(repr, MODES))))
    if not 1 <= max_size <= LARGEST_MAX_SIZE:
        faults.append(FieldError("max_size", f"got {max_size}", f"1 to {LARGEST_MAX_SIZE:,} bytes"))
    if full is None or mode is None or len(faults) != before:
        return None
    return Target(full, context, checked_headers, subprotocols, mode, max_size)


def _check_url(url: str, port: int | None, faults: list[FieldError]) -> str | None:
    """The url with its port. Mistakes are described without the url, which may contain a secret."""
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
        faults.append(FieldError("port", f"got {port}, but the url has port {own_port}", "one of the two"))
        return None
    return urlunsplit(parts._replace(netloc=f"{parts.netloc.removesuffix(':')}:{port}"))


def _problem_of(url: str, parts: SplitResult) -> str:
    if re.search(r"\s", url):
        return "it contains white space"
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
        problem = f"{shown(ca_file)} contains no certificate"
    except (OSError, TypeError) as error:
        problem = f"{shown(ca_file)}: {getattr(error, 'strerror', None) or 'not a path'}"
    faults.append(FieldError("ca_file", problem, "a file of certificates (PEM) to trust"))
    return None
