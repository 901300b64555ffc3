"""Brokers under attack: Valkey or Redis in a process of its own, which can be killed, stopped and started again."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from zefnb.cluster.private_broker import find_program

_START_TIMEOUT = 20.0
_POLL = 0.002


class Broker:
    """A broker with an append-only file in a directory of its own, on a Unix socket."""

    def __init__(self, program: str | None = None, settings: Sequence[str] = ()) -> None:
        self.program = program or find_program()
        # Short, since the path of a Unix socket has about 100 bytes at most.
        self.directory = Path(tempfile.mkdtemp(prefix="zb-"))
        self.socket = self.directory / "s"
        self.settings = list(settings)
        self.start()

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def start(self) -> None:
        """Start it, and wait until it replies."""
        self.socket.unlink(missing_ok=True)
        settings = ["--port", "0", "--unixsocket", str(self.socket), "--dir", str(self.directory), "--save", ""]
        # As the private broker: it writes before it replies. With `everysec` a killed broker may lose what it accepted.
        settings += ["--appendonly", "yes", "--appendfsync", "no", "--enable-debug-command", "yes"]
        with open(self.directory / "log", "wb") as log:
            self.process = subprocess.Popen([self.program, *settings, *self.settings], stdout=log, stderr=log)
        deadline = time.monotonic() + _START_TIMEOUT
        while not self.replies():
            assert time.monotonic() < deadline, f"the broker does not reply: {(self.directory / 'log').read_text()}"
            time.sleep(_POLL)

    def replies(self) -> bool:
        """Whether it replies; while it reads its file, it does not."""
        assert self.process.poll() is None, (self.directory / "log").read_text()
        try:
            return self.call("PING") == b"+PONG\r\n"
        except OSError:
            return False

    def call(self, command: str) -> bytes:
        """Return the bytes of the reply to a command, the first 64 KiB."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(20)
            connection.connect(str(self.socket))
            connection.sendall(command.encode() + b"\r\n")
            return connection.recv(65_536)

    def number(self, command: str) -> int:
        """Return the number with which it replies."""
        return int(self.call(command)[1:])

    def add(self, entries: Sequence[Sequence[bytes]]) -> None:
        """Append entries with any bytes to the log of the default cluster."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(20)
            connection.connect(str(self.socket))
            for fields in entries:
                parts = (b"XADD", b"zefnb:zefnb:log", b"*", *fields)
                texts = (b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
                connection.sendall(b"*%d\r\n" % len(parts) + b"".join(texts))
                reply = connection.recv(65_536)
                assert reply.startswith(b"$"), reply

    def kill(self) -> None:
        """As `kill -9`."""
        self.process.kill()
        self.process.wait()

    def suspend(self) -> None:
        """As `kill -STOP`."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.process.pid, signal.SIGCONT)

    def close(self) -> None:
        """End it, and remove its files."""
        if self.process.poll() is None:
            self.resume()
            self.kill()
        with suppress(FileNotFoundError):
            shutil.rmtree(self.directory)


@contextmanager
def broker() -> Iterator[Broker]:
    """A broker during the block."""
    made = Broker()
    try:
        yield made
    finally:
        made.close()
