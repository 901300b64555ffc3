"""A real kernel, and its messages for each cell."""

from __future__ import annotations

import os
import re
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty
from typing import Any

from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import KernelManager

from tests.kernel_sockets import KernelSockets

READY = 60.0


class Cell:
    """One execution of a cell, and its output."""

    def __init__(self, number: str) -> None:
        self.number = number
        # The label that a front end shows beside it.
        self.label = ""
        self.streams: list[tuple[str, str]] = []
        self.displays: list[dict[str, Any]] = []
        self.cleared = 0
        self.error: str | None = None
        self.traceback = ""
        self.idle = False
        # The value of its last line, by kind of display.
        self.result: dict[str, Any] = {}

    @property
    def text(self) -> str:
        """Everything printed under it."""
        return "".join(text for _, text in self.streams)


@contextmanager
def a_kernel(*cells: str) -> Iterator[Kernel]:
    """A kernel that has run these cells; closed at the end."""
    kernel = Kernel()
    try:
        for cell in cells:
            kernel.run(cell)
        yield kernel
    finally:
        kernel.close()


class Kernel:
    """A kernel process, to which cells are given as JupyterLab does, with their ids."""

    def __init__(self, **env: str) -> None:
        self._sockets = KernelSockets()
        self._manager = KernelManager(kernel_name="python3", **self._sockets.options)
        # asyncio's debugging, on in the tests themselves, would write into cells.
        plain = {name: value for name, value in os.environ.items() if name != "PYTHONASYNCIODEBUG"}
        self._manager.start_kernel(env={**plain, **env})
        self._client = self._manager.client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=READY)
        self._cells: dict[str, Cell] = {}
        self.widget_texts: list[str] = []
        self.updated: list[dict[str, Any]] = []

    def updates(self) -> list[str]:
        """Return the texts of the displays that have been updated."""
        return [data.get("text/plain", "") for data in self.updated]

    def start(self, code: str, cell: str | None = None) -> Cell:
        """Give it a cell, and do not wait."""
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}
        message = self._client.session.msg("execute_request", {**content, "stop_on_error": False})
        message["metadata"] = {"cellId": cell or uuid.uuid4().hex}
        self._client.shell_channel.send(message)
        return self._cells.setdefault(message["header"]["msg_id"], Cell(message["header"]["msg_id"]))

    def run(self, code: str, cell: str | None = None, within: float = 30.0) -> Cell:
        """Run a cell to its end."""
        done = self.start(code, cell)
        self.until(lambda: done.idle, within)
        return done

    def until(self, condition: Callable[[], Any], within: float = 30.0) -> Any:
        """Receive the kernel's messages until the condition is true."""
        deadline = time.monotonic() + within
        while not (value := condition()):
            assert time.monotonic() < deadline, f"not so within {within} s: {self.shown()}"
            self._take(0.05)
        return value

    def quiet(self, seconds: float) -> None:
        """Take in all that it sends in this time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._take(0.05)

    def _take(self, timeout: float) -> None:
        try:
            message = self._client.get_iopub_msg(timeout=timeout)
        except Empty:
            return
        number = message["parent_header"].get("msg_id", "")
        cell = self._cells.setdefault(number, Cell(number))
        kind, content = message["header"]["msg_type"], message["content"]
        if kind == "stream":
            cell.streams.append((content["name"], content["text"]))
        elif kind == "execute_input":
            cell.label = f"In [{content['execution_count']}]"
        elif kind == "execute_result":
            cell.result = content["data"]
        elif kind == "display_data":
            cell.displays.append(content["data"])
        elif kind == "update_display_data":
            self.updated.append(content["data"])
        elif kind == "clear_output":
            cell.cleared += 1
        elif kind == "error":
            cell.error = f"{content['ename']}: {content['evalue']}"
            cell.traceback = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(content["traceback"]))
        elif kind == "comm_msg":
            outputs = content["data"].get("state", {}).get("outputs", ())
            self.widget_texts += ["".join(output.get("text", "") for output in outputs)]
        elif kind == "status" and content["execution_state"] == "idle":
            cell.idle = True

    def shown(self) -> dict[str, str]:
        """Return the output under each cell."""
        return {number: cell.text[-300:] for number, cell in self._cells.items() if cell.text}

    def value(self, expression: str) -> Any:
        """A plain value of the kernel's."""
        done = self.run(f"__value = {expression}\nprint('__value', repr(__value))")
        assert done.error is None, done.error
        # A line of the journal may be printed in the same cell.
        [line] = [line for line in done.text.splitlines() if line.startswith("__value ")]
        return eval(line.removeprefix("__value "))

    def complete(self, code: str) -> list[str]:
        """Return the completions at the end of `code`, as complete texts."""
        reply = self._client.complete(code, reply=True, timeout=20)["content"]
        return [code[: reply["cursor_start"]] + match for match in reply["matches"]]

    def new_page(self) -> None:
        """Act as a page after a reload: request the widgets, in a new session."""
        client = BlockingKernelClient(connection_file=self._manager.connection_file)
        client.load_connection_file()
        client.start_channels(hb=False)  # the thread of the heartbeat could begin when the channels have stopped
        client.comm_info(reply=True, timeout=20)
        client.stop_channels()

    def interrupt(self, cell: Cell) -> None:
        """Press the stop button until the cell has ended.

        pyzmq swallows a Ctrl-C that arrives while it frees a frame, and prints that it ignored the exception.
        """
        deadline = time.monotonic() + 30
        while not cell.idle:
            assert time.monotonic() < deadline, self.shown()
            self._manager.interrupt_kernel()
            pressed_at = time.monotonic()
            while not cell.idle and time.monotonic() < pressed_at + 5:
                self._take(0.05)

    def restart(self) -> None:
        """Act as the restart button."""
        self._manager.restart_kernel(now=False)
        self._client.wait_for_ready(timeout=READY)

    def close(self) -> None:
        """End the process."""
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)
        self._sockets.close()
