"""The command as a user runs it: real processes, and a real terminal under tmux."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.cli.browser import wait_for

# What the test run itself is told must not reach the processes of users.
ENVIRONMENT = {
    name: value for name, value in os.environ.items() if name not in ("PYTHONASYNCIODEBUG", "COLUMNS", "FORCE_COLOR")
}
COMMAND = (sys.executable, "-c", "import sys; from zefnb.cli import main; sys.exit(main())")

needs_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")


def zefnb(*arguments: str, given: str = "", seconds: float = 60) -> subprocess.CompletedProcess[str]:
    """Run `zefnb` with no terminal attached."""
    return subprocess.run(
        [*COMMAND, *arguments], input=given, capture_output=True, text=True, timeout=seconds, env=ENVIRONMENT
    )


class RunningDemo:
    """`zefnb demo` that runs until it is ended."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, "demo", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=ENVIRONMENT | {"PYTHONUNBUFFERED": "1"},
        )
        assert self.process.stdout is not None
        self.first_line = next((line for line in self.process.stdout if "http://localhost:" in line), "")
        found = re.findall(r"http://localhost:(\d+)/", self.first_line)
        assert found, self.first_line
        self.ports = [int(port) for port in found]
        self.port = self.ports[0]
        self.url = f"http://localhost:{self.port}/"

    def end(self, by: int = signal.SIGINT) -> str:
        """End it by a signal; return what it printed since."""
        self.process.send_signal(by)
        rest, _ = self.process.communicate(timeout=30)
        return rest


@contextmanager
def running_demo(*arguments: str) -> Iterator[RunningDemo]:
    """A demo that is always ended."""
    demo = RunningDemo(*arguments)
    try:
        yield demo
    finally:
        if demo.process.poll() is None:
            demo.process.kill()
        demo.process.wait()
        assert demo.process.stdout is not None
        demo.process.stdout.close()


class Terminal:
    """A shell in its own terminal, on its own tmux server."""

    def __init__(self, width: int, height: int) -> None:
        self._name = f"zefnb-{uuid.uuid4().hex[:12]}"
        size = ("-x", str(width), "-y", str(height))
        self._tmux("-f", "/dev/null", "new-session", "-d", *size, "env PS1='ready> ' TERM=screen-256color sh")
        self.until("ready>")

    def _tmux(self, *arguments: str) -> str:
        done = subprocess.run(
            ["tmux", "-L", self._name, *arguments], capture_output=True, text=True, check=True, env=ENVIRONMENT
        )
        return done.stdout

    def type(self, text: str) -> None:
        """Type a part of a line."""
        self._tmux("send-keys", "-l", text)

    def enter(self, line: str) -> None:
        """Type a line."""
        self.type(line)
        self._tmux("send-keys", "Enter")

    def run_demo(self, *arguments: str) -> None:
        """Start the demo in it."""
        self.enter(shlex.join((*COMMAND, "demo", *arguments)))

    def press(self, key: str) -> None:
        """Press a key by its tmux name, such as C-c."""
        self._tmux("send-keys", key)

    def resize(self, width: int, height: int) -> None:
        """Drag the window's corner."""
        self._tmux("resize-window", "-x", str(width), "-y", str(height))

    def lines(self) -> list[str]:
        """Return the text on the screen."""
        return self._tmux("capture-pane", "-p").splitlines()

    def until(self, text: str, seconds: float = 30) -> list[str]:
        """Wait until `text` is on the screen; the screen."""
        return wait_for(lambda: (lines := self.lines()) and any(text in line for line in lines) and lines, seconds)

    def until_prompt(self) -> list[str]:
        """Wait until the shell shows its prompt; return the screen."""
        return wait_for(lambda: (lines := self.lines()) and "\n".join(lines).rstrip().endswith("ready>") and lines)

    def close(self) -> None:
        """End its tmux server."""
        self._tmux("kill-server")


@contextmanager
def terminal(width: int = 80, height: int = 24) -> Iterator[Terminal]:
    """A terminal that is always closed."""
    opened = Terminal(width, height)
    try:
        yield opened
    finally:
        opened.close()
