"""Ports: for programs that cannot choose one themselves, and whether a port is free."""

from __future__ import annotations

import random
import socket

# Linux, macOS and Windows give only higher ports to a socket that asks for port 0 or connects. So no other test, and no
# other run of the tests beside this one, is given the port in the meantime.
FIRST, LAST = 20_000, 32_000
_returned: set[int] = set()


def free_port() -> int:
    """Return a port of 127.0.0.1 that is free, chosen at random, and another one each time."""
    while True:
        # Not of the module's own generator, which tests seed.
        port = random.SystemRandom().randint(FIRST, LAST)
        if port in _returned:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            _returned.add(port)
            return port


def is_free(port: int) -> bool:
    """Return whether another program could listen there now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen()
        except OSError:
            return False
        return True
