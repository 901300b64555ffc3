"""The load generator: compiled when necessary, and run on its own processor."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from bench import machine
from bench.systems import BenchError, Lines, Server, child

SOURCES = Path(__file__).parent


def compile_programs() -> None:
    """Build `load` and `limit` if their sources are newer."""
    machine.BUILD.mkdir(exist_ok=True)
    if shutil.which("gcc") is None:
        raise BenchError("the load generator is written in C: install gcc (apt-get install gcc libc6-dev)")
    newest = max(path.stat().st_mtime for path in SOURCES.glob("*.[ch]"))
    for name in ("load", "limit"):
        program = machine.BUILD / name
        if not program.exists() or program.stat().st_mtime < newest:
            subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-o", program, SOURCES / f"{name}.c"], check=True)


class Load:
    """A running load generator."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        assert process.stdout is not None
        self._process, self._log, self._lines = process, log, Lines(process.stdout)

    def wait_until_ready(self, seconds: float = 30) -> None:
        """Wait until every client is connected and receives (modes receive and idle)."""
        self._line(seconds)

    def leave(self) -> None:
        """Disconnect idle clients."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def result(self, seconds: float = 90) -> dict[str, float]:
        """Return the results."""
        found: dict[str, float] = json.loads(self._line(seconds))
        if found["open"] < found["clients"]:
            raise BenchError(f"the server closed {found['clients'] - found['open']:.0f} of its clients")
        return found

    def _line(self, seconds: float) -> str:
        line = self._lines.next(seconds)
        if line is None:
            why = self._log.read_text(errors="replace").strip() or f"no reply in {seconds:.0f} s"
            raise BenchError(f"load: {why}")
        return line


@contextlib.contextmanager
def loading(server: Server, mode: str, **options: float | str) -> Iterator[Load]:
    """Run clients of `server`; the options are those of `load.c`."""
    argv = [str(machine.BUILD / "load"), "--mode", mode, "--port", str(server.port), "--pid", str(server.pid)]
    for name, value in options.items():
        argv += [f"--{name}", str(value)]
    _, processor = machine.processors()
    log = machine.BUILD / "load.log"
    with child(argv, {processor}, log) as process:
        yield Load(process, log)


def load(server: Server, mode: str, **options: float | str) -> dict[str, float]:
    """Run the load to its end and return the results."""
    with loading(server, mode, **options) as running:
        return running.result()
