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
    """A system could not be measured; the message says which and why."""


@dataclass(frozen=True)
class System:
    """Something with a server program: a Python module, or a C program in `load/`."""

    name: str
    module: str = ""
    program: str = ""
    needs: tuple[str, ...] = ()
    loop: str = "asyncio"  # which event loop zefnb takes

    def missing(self) -> list[str]:
        """What it needs and is not installed."""
        return [name for name in self.needs if importlib.util.find_spec(name) is None]


ZEFNB = System("zefnb", module="bench.servers.zefnb_server", needs=("zefnb",))
ZEFNB_SPEED = System("zefnb[speed]", module=ZEFNB.module, needs=("zefnb", "uvloop"), loop="uvloop")
PICOWS = System("picows", module="bench.servers.picows_server", needs=("picows", "uvloop"))
WEBSOCKETS = System("websockets", module="bench.servers.websockets_server", needs=("websockets",))
ZEF = System("zef", module="bench.servers.zef_server", needs=("zef",))
AIOHTTP = System("aiohttp", module="bench.servers.aiohttp_server", needs=("aiohttp",))
LIMIT = System("C limit", program="limit")
ALL = (ZEFNB, ZEF, PICOWS, WEBSOCKETS, AIOHTTP, LIMIT)


class Lines:
    """Lines of a child process, each waited for no longer than it may take."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._descriptor, self._rest = stream.fileno(), b""

    def next(self, seconds: float) -> str | None:
        """The next line; nothing at the end of the stream or when time is up."""
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
        """Have the server program do something, and get its answer."""
        self.order(do, **arguments)
        return self.answer(do, timeout)

    def order(self, do: str, **arguments: float | str) -> None:
        """Have the server program begin something; `answer` must follow."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
        self._process.stdin.flush()

    def answer(self, do: str, timeout: float = 60) -> dict[str, Any]:
        """What came of the last order."""
        line = self._lines.next(timeout)
        if line is None:
            raise BenchError(f"{self.system.name} did not answer '{do}' in {timeout:.0f} s: {self._last_words()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise BenchError(f"{self.system.name}, '{do}': {answer['error']}")
        return answer

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"nothing in {self.log}"


@contextlib.contextmanager
def child(
    argv: list[str], processors: set[int], log: Path, extra: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process of ours on its processors, ended by its own pid whatever happens."""
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
            # Linux shares processors out by session: a server of many threads shall get no more than one of few.
            start_new_session=True,
        ) as process,
    ):
        try:
            machine.pin(process.pid, processors)
            yield process
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End of input means "leave"; who does not is told, then made to."""
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
    """A fresh server of this system, alone on its processor, or free to use the load's, too.

    `without` names a trick of zefnb's that is switched off; see `servers/without.py`.
    """
    if absent := system.missing():
        raise BenchError(f"{system.name} is not there: install {', '.join(absent)}")
    argv = [str(machine.BUILD / system.program)] if system.program else [sys.executable, "-m", system.module]
    log = machine.BUILD / f"{system.name.replace(' ', '-')}.log"
    ours, theirs = machine.processors()
    processors = {ours, theirs} if everywhere else {ours}
    with child(argv, processors, log, {"BENCH_WITHOUT": without, "ZEFNB_LOOP": system.loop}) as process:
        yield Server(system, process, log)
