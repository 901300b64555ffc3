"""Proxies: which connections use the proxy that the environment names."""

from __future__ import annotations

import asyncio

from websockets.proxy import get_proxy
from websockets.uri import WebSocketURI

from zefnb.net.client.addresses import Scope, addresses_of, means_this_machine, scope_of

# Seconds: behind a proxy, outside names may have no address here, and some resolvers take long to report that.
RESOLVE_TIMEOUT = 1.0


async def needs_proxy(uri: WebSocketURI) -> bool:
    """Whether the connection uses a proxy: one is set, and `uri` is not on this machine.

    Every spelling of this machine counts: `127.1`, `0x7f000001`, `[::ffff:127.0.0.1]`, `localhost.`, its own name, and
    each name that has only addresses of this machine.
    """
    if get_proxy(uri) is None:
        return False
    if means_this_machine(uri.host.lower().rstrip(".")):
        return False
    try:
        async with asyncio.timeout(RESOLVE_TIMEOUT):
            addresses = await addresses_of(uri)
    except (OSError, UnicodeError):
        # Perhaps only the proxy can resolve the name. (A timeout is an OSError.)
        return True
    return any(scope_of(address) is not Scope.MACHINE for address in addresses)
