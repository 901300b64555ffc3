"""The systems that are compared, and their server processes."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from bench import machine


class BenchError(Exception):
    """A system could not be measured; the message has its name and the reason."""


@dataclass(frozen=True)
class System:
    """A system with a server program: a Python module, or a C program in `load/`."""

    name: str
    module: str = ""
    program: str = ""
    needs: tuple[str, ...] = ()
    loop: str = "asyncio"  # the event loop that zefnb uses

    def missing(self) -> list[str]:
        """Return the packages that it needs and that are not installed."""
        return [name for name in self.needs if importlib.util.find_spec(name) is None]


ZEFNB = System("zefnb", module="bench.servers.zefnb_server", needs=("zefnb",))
ZEFNB_SPEED = System("zefnb[speed]", module=ZEFNB.module, needs=("zefnb", "uvloop"), loop="uvloop")
PICOWS = System("picows", module="bench.servers.picows_server", needs=("picows", "uvloop"))
WEBSOCKETS = System("websockets", module="bench.servers.websockets_server", needs=("websockets",))
ZEF = System("zef", module="bench.servers.zef_server", needs=("zef",))
AIOHTTP = System("aiohttp", module="bench.servers.aiohttp_server", needs=("aiohttp",))
STARLETTE = System("starlette", module="bench.servers.starlette_server", needs=("starlette", "uvicorn"))
GRADIO = System("gradio", module="bench.servers.gradio_server", needs=("gradio",))
NICEGUI = System("nicegui", module="bench.servers.nicegui_server", needs=("nicegui",))
ZEFNB_NODE = System("zefnb node", module="bench.servers.zefnb_node", needs=("zefnb", "redis", "hiredis"))
SOCKETIO = System("python-socketio", module="bench.servers.socketio_node", needs=("socketio", "redis"))
LIMIT = System("C limit", program="limit")
ALL = (ZEFNB, ZEF, PICOWS, WEBSOCKETS, AIOHTTP, STARLETTE, GRADIO, SOCKETIO, LIMIT)


class Lines:
    """Lines of a child process, each with a timeout."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._descriptor, self._rest = stream.fileno(), b""

    def next(self, seconds: float) -> str | None:
        """Return the next line; nothing at the end of the stream or after the timeout."""
        end = time.monotonic() + seconds
        while b"\n" not in self._rest:
            readable, _, _ = select.select([self._descriptor], [], [], max(end - time.monotonic(), 0))
            received = os.read(self._descriptor, 65536) if readable else b""
            if not received:
                return None
            self._rest += received
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode()


class Server:
    """A running server process: its port, its pid and the commands of `servers/control.py`."""

    def __init__(self, system: System, process: subprocess.Popen[bytes], log: Path) -> None:
        assert process.stdout is not None
        self.system, self.pid, self.log = system, process.pid, log
        self._process, self._lines = process, Lines(process.stdout)
        first = self._lines.next(20)
        if first is None or not first.isdigit():
            raise BenchError(f"{system.name} did not start: {self._last_words()}")
        self.port = int(first)

    def command(self, do: str, timeout: float = 60, **arguments: float | str) -> dict[str, Any]:
        """Send a command to the server program, and return its reply."""
        self.order(do, **arguments)
        return self.reply(do, timeout)

    def order(self, do: str, **arguments: float | str) -> None:
        """Send a command to the server program; `reply` must follow."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
        self._process.stdin.flush()

    def reply(self, do: str, timeout: float = 60) -> dict[str, Any]:
        """Return the reply to the last command."""
        line = self._lines.next(timeout)
        if line is None:
            raise BenchError(f"{self.system.name} did not reply to '{do}' in {timeout:.0f} s: {self._last_words()}")
        reply: dict[str, Any] = json.loads(line)
        if "error" in reply:
            raise BenchError(f"{self.system.name}, '{do}': {reply['error']}")
        return reply

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"nothing in {self.log}"


@contextlib.contextmanager
def child(
    argv: list[str], processors: set[int], log: Path, extra: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process on its processors, and end it by its pid in any case."""
    pipe, environment = subprocess.PIPE, {**machine.environment(), **(extra or {})}
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            argv,
            cwd=machine.ROOT,
            env=environment,
            stdin=pipe,
            stdout=pipe,
            stderr=errors,
            # Linux divides processor time between sessions: many threads in one must get no more than few in another.
            start_new_session=True,
        ) as process,
    ):
        try:
            machine.pin(process.pid, processors)
            yield process
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """The program exits at the end of its input; then come SIGTERM and SIGKILL."""
    assert process.stdin is not None
    with contextlib.suppress(OSError):
        process.stdin.close()
    for insist in (process.poll, process.terminate, process.kill):
        insist()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(3)
            return


@contextlib.contextmanager
def running(system: System, everywhere: bool = False, without: str = "") -> Iterator[Server]:
    """Run a new server of this system, alone on its processor, or also on that of the load.

    `without` names an optimization of zefnb to switch off; see `servers/without.py`.
    """
    if absent := system.missing():
        raise BenchError(f"{system.name} is not installed: install {', '.join(absent)}")
    argv = [str(machine.BUILD / system.program)] if system.program else [sys.executable, "-m", system.module]
    log = machine.BUILD / f"{system.name.replace(' ', '-')}.log"
    ours, theirs = machine.processors()
    processors = {ours, theirs} if everywhere else {ours}
    with child(argv, processors, log, {"BENCH_WITHOUT": without, "ZEFNB_LOOP": system.loop}) as process:
        yield Server(system, process, log)
