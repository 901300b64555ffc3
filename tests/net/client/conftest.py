"""Servers of another make that the test ends with, and their certificates."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.net.client.outsider import (
    Outsider,
    stop_all,
)
from zefnb.engine.runtime import default_runtime
from zefnb.net.client import client as client_module

Names = dict[str, list[str]]


@pytest.fixture
def outsider() -> Iterator[Callable[..., Outsider]]:
    made: list[Outsider] = []

    def make(**options: Any) -> Outsider:
        made.append(Outsider(**options))
        return made[-1]

    yield make
    stop_all()
    for server in made:
        server.end()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between attempts do not grow, for tests in which a server stops several times."""
    monkeypatch.setattr(client_module, "LONGEST_PAUSE", 0.2)


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture
def names(clean: None, monkeypatch: pytest.MonkeyPatch) -> Names:
    """The addresses of names for the runtime's loop: `names['feed.example'] = ['127.0.0.1']`; `[]` means no address."""
    known: Names = {}
    loop = default_runtime().loop
    resolve, connect = loop.getaddrinfo, loop.create_connection

    async def getaddrinfo(host: Any, port: Any, **options: Any) -> Any:
        if host not in known:
            return await resolve(host, port, **options)
        if not known[host]:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [info for address in known[host] for info in await resolve(address, port, **options)]

    async def create_connection(make: Any, host: Any = None, port: Any = None, **options: Any) -> Any:
        # uvloop's does not ask its own `getaddrinfo`.
        if host in known:
            host = (await getaddrinfo(host, port, type=socket.SOCK_STREAM))[0][4][0]
        return await connect(make, host, port, **options)

    monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(loop, "create_connection", create_connection)
    return known
