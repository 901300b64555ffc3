"""A real marimo server, and its notebook open in a real browser."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.browser.lab import OUTPUT, end_process
from tests.ports import free_port

_STARTS_WITHIN = 90
# The texts of all elements at once, since the page can remove one of them between two requests.
_TEXTS = "elements => elements.map(element => element.innerText)"


def as_notebook(cells: list[str]) -> str:
    """Return a marimo notebook with these cells; marimo finds out by itself which names they define and use."""
    indented = ["\n".join(f"    {line}" for line in cell.splitlines()) for cell in cells]
    made = [f"@app.cell\ndef _():\n{code}\n    return\n" for code in indented]
    return "\n\n".join(["import marimo\n\napp = marimo.App()", *made]) + "\n"


def _private_environment(home: Path) -> dict[str, str]:
    """Nothing of the user's own settings, and none of the tests'."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHONASYNCIO", "COV_", "PYTEST"))}
    return environment | {"HOME": str(home), "XDG_CONFIG_HOME": str(home), "XDG_STATE_HOME": str(home)}


class Marimo:
    """`marimo edit` or `marimo run` with one notebook, in its own directory."""

    def __init__(self, home: Path, notebook: str, mode: str = "edit") -> None:
        self.path, self.port = home / "notebook.py", free_port()
        self.path.write_text(notebook)
        self._log = (home / "marimo.log").open("w")
        options = ["--headless", "--no-token", "--host=127.0.0.1", f"--port={self.port}"]
        options += ["--skip-update-check"] if mode == "edit" else []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "marimo", mode, *options, str(self.path)],
            env={k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "COV_", "PYTHONASYNCIO"))}
            | {"HOME": str(home)},
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        deadline = time.monotonic() + _STARTS_WITHIN
        while True:
            try:
                with urllib.request.urlopen(f"{self.url}health", timeout=20):
                    return
            except (urllib.error.URLError, OSError):
                assert self._process.poll() is None, "marimo does not start"
                assert time.monotonic() < deadline, "marimo does not answer"
                time.sleep(0.2)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def close(self) -> None:
        end_process(self._process)
        self._log.close()


class Page:
    """The notebook in a tab. Its cells have numbers from 0."""

    def __init__(self, server: Marimo, page: Any) -> None:
        self.page = page
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.goto(server.url)

    def cell(self, number: int) -> Any:
        return self.page.locator("[data-cell-id]:has(.cm-content)").nth(number)

    def ready(self) -> Page:
        """Wait for the kernel."""
        self.cell(0).locator("[data-testid=run-button]").first.wait_for(state="attached", timeout=60_000)
        return self

    def run(self, number: int) -> None:
        """Run a cell, and those that depend on it. Does not wait for the end."""
        self.cell(number).locator(".cm-content").click()
        self.page.keyboard.press("Control+Enter")

    def write(self, number: int, code: str) -> None:
        """Replace the code of a cell, and run it."""
        self.cell(number).locator(".cm-content").fill(code)
        self.page.keyboard.press("Control+Enter")

    def run_all(self) -> None:
        """Run all cells that have not run. Does not wait for the end."""
        self.page.keyboard.press("Control+Shift+R")

    def output(self, number: int) -> str:
        """Return the text of a cell's output and console."""
        areas = self.cell(number).locator(".output-area, [data-testid=console-output-area]")
        return "\n".join(areas.evaluate_all(_TEXTS))

    def table(self, number: int) -> str:
        """Return the text of a cell's live table, which is in a shadow tree; empty while it is not there."""
        return "".join(self.cell(number).locator(".zefnb-watch").evaluate_all(_TEXTS)[:1])

    def picture(self, name: str) -> None:
        """A screenshot, kept in test-output/."""
        OUTPUT.mkdir(exist_ok=True)
        self.page.screenshot(path=str(OUTPUT / f"{name}.png"))
