"""A tab that can be frozen. playwright emulates focus in all of its pages, and a page in focus is never frozen."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from tests.browser.chromium import PROGRAM
from tests.conftest import wait_until

# Seconds.
REPLY_TIMEOUT = 30.0
# The last two keep the browser from requests of its own.
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--remote-debugging-port=0",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
)


@contextmanager
def a_tab(folder: Path, address: str) -> Iterator[Tab]:
    """A tab at an address, in a browser with its files in `folder`; closed at the end."""
    if PROGRAM is None:
        pytest.skip("the browser tests need chromium")
    command = [PROGRAM, *FLAGS, f"--user-data-dir={folder}", address]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        written = folder / "DevToolsActivePort"
        port = wait_until(lambda: written.exists() and written.read_text().partition("\n")[0], within=60)
        tab = wait_until(lambda: _first_tab(int(port)), within=60)
        with connect(tab["webSocketDebuggerUrl"], proxy=None, max_size=None) as devtools:
            yield Tab(devtools)
    finally:
        process.terminate()
        process.wait()


def _first_tab(port: int) -> Any:
    tabs = httpx.get(f"http://127.0.0.1:{port}/json", timeout=REPLY_TIMEOUT).json()
    return next((tab for tab in tabs if tab["type"] == "page"), None)


class Tab:
    """The tab, by the protocol of the browser's developer tools."""

    def __init__(self, devtools: Any) -> None:
        self._devtools = devtools
        self._number = 0

    def _call(self, method: str, **parameters: Any) -> Any:
        self._number += 1
        self._devtools.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while (reply := json.loads(self._devtools.recv(timeout=REPLY_TIMEOUT))).get("id") != self._number:
            pass
        return reply

    def _command(self, method: str, **parameters: Any) -> None:
        reply = self._call(method, **parameters)
        assert "error" not in reply, reply

    def evaluate(self, expression: str) -> Any:
        """Return the value of an expression in the page, also while it is frozen; `None` where it fails."""
        reply = self._call("Runtime.evaluate", expression=expression, returnByValue=True)
        # An error in place of a result: the tab has gone to another page meanwhile, as when the browser starts.
        return reply.get("result", {}).get("result", {}).get("value")

    def until(self, expression: str) -> None:
        """Wait until an expression is true in the page."""
        wait_until(lambda: self.evaluate(expression) is True, within=60)

    def freeze(self) -> None:
        """Freeze the page, as a browser does with a tab in the background."""
        self.evaluate("document.addEventListener('freeze', () => { window.isFrozen = true })")
        self._command("Page.setWebLifecycleState", state="frozen")
        self.until("window.isFrozen === true")

    def wake(self) -> None:
        """Show the page again."""
        self._command("Page.setWebLifecycleState", state="active")
        self._command("Page.bringToFront")
