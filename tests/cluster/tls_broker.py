"""Brokers with TLS: a Redis of its own, or a Valkey behind a front, since the wheels have a Valkey without TLS."""

from __future__ import annotations

import asyncio
import ssl
import threading
from contextlib import suppress
from pathlib import Path

import trustme

from tests.cluster.brokers import Broker
from tests.ports import free_port
from zefnb.cluster.privileges import least_privileges

KINDS = ("valkey", "redis")
HOST = "redis.example.com"


class TLSBroker:
    """A broker with TLS for the user 'zefnb' with the password 'secret' and the least privileges in two clusters.

    Its certificate is for `HOST` and for localhost.
    """

    def __init__(self, kind: str, directory: Path) -> None:
        authority = trustme.CA()
        self.authority = directory / "authority.pem"
        authority.cert_pem.write_to_path(str(self.authority))
        own = authority.issue_cert(HOST, "localhost")
        key, certificate = str(directory / "key.pem"), str(directory / "certificate.pem")
        own.private_key_pem.write_to_path(key)
        own.cert_chain_pems[0].write_to_path(certificate)
        if kind == "redis":
            self.port = free_port()
            settings = ("--tls-port", str(self.port), "--bind", "127.0.0.1", "--tls-auth-clients", "no")
            files = ("--tls-key-file", key, "--tls-cert-file", certificate, "--tls-ca-cert-file", str(self.authority))
            self.front, self.broker = None, Broker(kind, *settings, *files)
        else:
            self.broker = Broker(kind)
            self.front = Front(self.broker.socket, own)
            self.port = self.front.port
        for name in ("zefnb", "lab"):
            granted = least_privileges(name).replace("PASSWORD", "secret")
            assert self.broker.call(granted if name == "zefnb" else "ACL SETUSER zefnb ~zefnb:lab:*") == b"+OK\r\n"

    def url(self, host: str = "localhost", trusted: bool = True) -> str:
        query = f"?ssl_ca_certs={self.authority}" if trusted else ""
        return f"rediss://zefnb:secret@{host}:{self.port}/0{query}"

    def close(self) -> None:
        if self.front is not None:
            self.front.close()
        self.broker.close()


class Front:
    """A thread that accepts TLS on a port of 127.0.0.1 and passes the bytes to a Unix socket."""

    def __init__(self, target: Path, certificate: trustme.LeafCert) -> None:
        self._target = target
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        certificate.configure_cert(self._context)
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._ends = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._run(),))
        self._thread.start()
        assert self._started.wait(20)

    async def _run(self) -> None:
        server = await asyncio.start_server(self._accepted, "127.0.0.1", 0, ssl=self._context)
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._ends.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        with suppress(OSError, asyncio.CancelledError):
            near, far = await asyncio.open_unix_connection(str(self._target))
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(_pass(reader, far))
                    group.create_task(_pass(near, writer))
            except* OSError:
                pass
            finally:
                far.transport.abort()
                writer.transport.abort()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._ends.set)
        self._thread.join()
        self._loop.close()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    raise ConnectionResetError
