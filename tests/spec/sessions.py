"""Fresh sessions of the three kinds in which the specification is read: a script, IPython, a Jupyter kernel."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
from jupyter_client.manager import KernelManager

from tests.kernel_sockets import KernelSockets

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

ROOT = Path(__file__).resolve().parents[2]

_IPYTHON = """
import json, sys
from IPython.terminal.interactiveshell import TerminalInteractiveShell
shell = TerminalInteractiveShell.instance(simple_prompt=True)
shell.enable_history_search = False
for cell in json.load(sys.stdin):
    result = shell.run_cell(cell, store_history=True)
    if not result.success:
        sys.exit("the cell failed:\\n" + cell)
"""


def environment(**extra: str) -> dict[str, str]:
    """The environment of a session: the tests are importable, and warnings are shown."""
    # Without asyncio's debug mode, which prints a line whenever the machine is slow.
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONASYNCIODEBUG": "", "PYTHONWARNINGS": "default", **extra}


@contextmanager
def machine_wide(name: str) -> Iterator[None]:
    """Hold the lock `name` among all runs of the tests on this machine during the block."""
    if fcntl is None:
        yield
        return
    path = Path(tempfile.gettempdir()) / f"zefnb-tests-{name}.lock"
    with suppress(FileExistsError):  # another user's, perhaps, which may be opened, but not so as if it were to be made
        os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o644))
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def run_script(cells: Sequence[str], tmp_path: Path, within: float = 90, **env: str) -> str:
    """Run the cells as one script in a separate process; return its output with errors."""
    script = tmp_path / "script.py"
    script.write_text("\n\n".join(cells))
    return _finished([sys.executable, str(script)], "", within, env)


def run_ipython(cells: Sequence[str], tmp_path: Path, within: float = 90, **env: str) -> str:
    """Run the cells one after the other in a separate IPython in a terminal."""
    env = {"IPYTHONDIR": str(tmp_path / "ipython"), **env}
    return _finished([sys.executable, "-c", _IPYTHON], json.dumps(list(cells)), within, env)


def _finished(command: list[str], given: str, within: float, env: dict[str, str]) -> str:
    done = subprocess.run(
        command,
        input=given,
        env=environment(**env),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=within,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def run_kernel(cells: Sequence[str], tmp_path: Path, within: float = 90, **env: str) -> str:
    """Run the cells one after the other in a separate Jupyter kernel."""
    with kernel(**env) as session:
        return "".join(session.execute(cell, within=within).text for cell in cells)


KINDS = {"script": run_script, "IPython": run_ipython, "Jupyter": run_kernel}
# Each block runs as a script on every Python. A new IPython or kernel needs two seconds of a processor.
EACH_KIND = [pytest.param(kind, marks=() if kind == "script" else pytest.mark.on_one_python, id=kind) for kind in KINDS]


class Executed:
    """The result of a cell: its printed text, its error, its value as text."""

    def __init__(self) -> None:
        self.text = ""
        self.error = ""
        self.value = ""


class Kernel:
    """A running kernel, to which cells are sent as a front end sends them."""

    def __init__(self, manager: KernelManager, client: Any) -> None:
        self.manager = manager
        self._client = client

    def send(self, code: str, cell_id: str | None = None) -> str:
        """Send a cell without waiting; return the request's id."""
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": True,
        }
        metadata = {"cellId": cell_id} if cell_id is not None else {}
        message = self._client.session.msg("execute_request", content, metadata=metadata)
        self._client.shell_channel.send(message)
        return str(message["header"]["msg_id"])

    def outcome(self, request: str, within: float = 90) -> Executed:
        """Return the result of a cell that was sent, when it is done."""
        done = Executed()
        deadline = time.monotonic() + within
        while True:
            try:
                message = self._client.get_iopub_msg(timeout=max(0.01, deadline - time.monotonic()))
            except Empty:
                raise AssertionError(f"the cell was not done within {within} s; printed: {done.text}") from None
            if message["parent_header"].get("msg_id") != request:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "stream":
                done.text += content["text"]
            elif kind == "execute_result":
                done.value = content["data"]["text/plain"]
            elif kind == "error":
                done.error = content["ename"] + ": " + content["evalue"]
                done.text += "\n".join(content["traceback"])
            elif kind == "status" and content["execution_state"] == "idle":
                return done

    def execute(self, code: str, cell_id: str | None = None, within: float = 90, fails: bool = False) -> Executed:
        """Run a cell to its end."""
        done = self.outcome(self.send(code, cell_id), within)
        assert fails or not done.error, done.text
        return done


@contextmanager
def kernel(**env: str) -> Iterator[Kernel]:
    """A separate kernel for the block."""
    sockets = KernelSockets()
    manager = KernelManager(kernel_name="python3", **sockets.options)
    manager.start_kernel(env=environment(**env), cwd=str(ROOT), stderr=subprocess.DEVNULL)
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        yield Kernel(manager, client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()
        sockets.close()
