"""Proxies: which connections go through the one that the environment names."""

from __future__ import annotations

import asyncio

from websockets.proxy import get_proxy
from websockets.uri import WebSocketURI

from zefnb.net.client.addresses import Scope, addresses_of, means_this_machine, scope_of

# Behind a proxy, names of the outside may have no address here, which some resolvers take long to find out.
RESOLVE_WITHIN = 1.0


async def needs_proxy(uri: WebSocketURI) -> bool:
    """Whether the connection goes through a proxy: one is set, and `uri` does not lead to this machine.

    A proxy stands between this machine and others. Every spelling of this machine counts: `127.1`, `0x7f000001`,
    `[::ffff:127.0.0.1]`, `localhost.`, its own name, and each name that has only addresses of this machine.
    """
    if get_proxy(uri) is None:
        return False
    if means_this_machine(uri.host.lower().rstrip(".")):
        return False
    try:
        async with asyncio.timeout(RESOLVE_WITHIN):
            addresses = await addresses_of(uri)
    except (OSError, UnicodeError):
        # Only the proxy may know the name. (A timeout is an OSError.)
        return True
    return any(scope_of(address) is not Scope.MACHINE for address in addresses)
