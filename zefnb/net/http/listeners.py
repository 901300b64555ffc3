"""Listeners: the sockets that a server binds, and the error when it cannot."""

from __future__ import annotations

import asyncio
import errno
import os
import socket

from zefnb.errors import PortUnavailable
from zefnb.net.http.port_holder import UNKNOWN, describe_holder

_TRIES = 20


def bind(port: int, external: bool) -> list[socket.socket]:
    """Sockets that listen on `port` on loopback: IPv4, and IPv6 with the same port if the machine has it.

    `port=0` picks a free port. `external` binds every address of the machine instead.
    Raises `PortUnavailable`, which names the port and a way out.
    """
    for attempt in range(_TRIES):
        first = _bound(socket.AF_INET, "0.0.0.0" if external else "127.0.0.1", port)
        number = first.getsockname()[1]
        try:
            second = _bound_v6("::" if external else "::1", number)
        except PortUnavailable:
            first.close()
            if port == 0 and attempt < _TRIES - 1:
                continue
            raise
        return [first] if second is None else [first, second]
    raise AssertionError("unreachable")


async def bind_or_explain(port: int, external: bool) -> list[socket.socket]:
    """The same as `bind`; when the port is in use, the error names the program that holds it."""
    try:
        return bind(port, external)
    except PortUnavailable as error:
        if error.errno != errno.EADDRINUSE:
            raise
        # In a thread: searching all processes takes some 10 ms.
        holder = await asyncio.to_thread(describe_holder, port)
        raise PortUnavailable(error.errno, _in_use(port, holder)) from None


def _in_use(port: int, holder: str) -> str:
    return f"port {port} is in use by {holder}, or choose another; port=0 takes any that is free"


def _bound_v6(host: str, port: int) -> socket.socket | None:
    if not socket.has_ipv6:
        return None
    try:
        return _bound(socket.AF_INET6, host, port)
    except PortUnavailable as error:
        # A machine without IPv6 is not an error; a port in use is.
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            raise
        return None


def _bound(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    try:
        # asyncio turns off Nagle's algorithm (40 ms for each request) only when the protocol is given.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    except OSError as error:
        raise PortUnavailable(error.errno, f"{host}: {error.strerror}") from None
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((host, port))
        # At once: until one of them listens, two programs can bind the same port. `Acceptor` sets the backlog.
        listener.listen()
        listener.setblocking(False)
        return listener
    except OSError as error:
        listener.close()
        raise PortUnavailable(error.errno, _explained(error, host, port)) from None


def _explained(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return _in_use(port, UNKNOWN)
    if error.errno == errno.EACCES:
        return f"port {port} needs permission; choose one from 1024 to 65535, or port=0 for any that is free"
    return f"port {port} on {host}: {error.strerror}"
