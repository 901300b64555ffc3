"""A real JupyterLab, and notebooks open in it in a real browser."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import zefnb
from tests.ports import free_port

OUTPUT = Path(__file__).parents[2] / "test-output"
# An installed package has the extension in a directory of the environment. An editable one may not have it there.
_EXTENSIONS = Path(zefnb.__file__).parent / "notebook" / "static"
_STARTS_WITHIN = 90
# Milliseconds.
_READY_TIMEOUT = 60_000
# anywidget gives up a model whose module is not loaded after 2 s, which is too short for a page on a busy machine.
_PATIENT = """(() => {
    const { timeout } = AbortSignal;
    AbortSignal.timeout = (milliseconds) => timeout.call(AbortSignal, Math.max(milliseconds, 60_000));
})()"""
# Whether the page has requested the widgets of its kernel and has those that the kernel has sent.
_HAS_WIDGETS = """async () => {
    const { rendermime } = window.jupyterapp.shell.currentWidget.content;
    const renderer = rendermime.createRenderer('application/vnd.jupyter.widget-view+json');
    return (await renderer._manager.promise).restoredStatus;
}"""


def end_process(process: subprocess.Popen[Any]) -> None:
    """Terminate a process, and kill it when it does not exit."""
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Lab:
    """A JupyterLab or Notebook server in its own directories.

    `command` starts the server; `host` is the name by which the browser reaches it; `view` is the page of a notebook.
    """

    def __init__(
        self,
        home: Path,
        base: str = "/",
        command: Sequence[str] = (sys.executable, "-m", "jupyterlab"),
        host: str = "127.0.0.1",
        view: str = "doc/tree",
        **env: str,
    ) -> None:
        self._home, self.root, self.view = home, home / "notebooks", view
        self.root.mkdir(parents=True)
        self.base, self.host, self.token, self.port = base, host, secrets.token_hex(16), free_port()
        self._log = (home / "lab.log").open("w")
        self._process = subprocess.Popen(
            [
                *(*command, "--no-browser", "--ip=127.0.0.1", f"--port={self.port}"),
                *("--ServerApp.port_retries=0", f"--IdentityProvider.token={self.token}", "--allow-root"),
                *(f"--ServerApp.root_dir={self.root}", f"--ServerApp.base_url={base}"),
                *("--LabApp.expose_app_in_browser=True", "--JupyterNotebookApp.expose_app_in_browser=True"),
                "--LabApp.extension_manager=readonly",
                "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
                f"--ServerApp.allow_remote_access={host != '127.0.0.1'}",
            ],
            env={**_private_environment(home), **env},
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        self._wait()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.base}"

    @property
    def page_url(self) -> str:
        """The same for the browser."""
        return f"http://{self.host}:{self.port}{self.base}"

    def _wait(self) -> None:
        deadline = time.monotonic() + _STARTS_WITHIN
        while True:
            try:
                with urllib.request.urlopen(f"{self.url}api?token={self.token}", timeout=20):
                    return
            except (urllib.error.URLError, OSError):
                assert self._process.poll() is None, "the lab server does not start"
                assert time.monotonic() < deadline, "the lab server does not answer"
                time.sleep(0.2)

    def write(self, name: str, cells: list[str]) -> None:
        """A notebook with these cells of code."""
        made = [
            {
                "cell_type": "code",
                "id": f"cell-{n}",
                "metadata": {},
                "source": text,
                "outputs": [],
                "execution_count": None,
            }
            for n, text in enumerate(cells)
        ]
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": kernel, "cells": made}
        (self.root / name).write_text(json.dumps(notebook))

    def start_kernel(self) -> Path:
        """Start a kernel without a notebook; return its connection file."""
        kernel = self._ask("POST", "api/kernels")
        return self._home / "jupyter_runtime_dir" / f"kernel-{kernel['id']}.json"

    def end_kernels(self) -> None:
        """Shut down every kernel."""
        for kernel in self._ask("GET", "api/kernels"):
            self._ask("DELETE", f"api/kernels/{kernel['id']}")

    def _ask(self, method: str, path: str) -> Any:
        headers = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(f"{self.url}{path}", method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or "null")

    def close(self) -> None:
        end_process(self._process)
        self._log.close()


class Notebook:
    """A notebook open in a tab."""

    def __init__(self, lab: Lab, page: Any, name: str) -> None:
        self._lab, self.page, self.name = lab, page, name
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.add_init_script(_PATIENT)

    def open(self) -> Notebook:
        self.page.goto(f"{self._lab.page_url}{self._lab.view}/{self.name}?token={self._lab.token}")
        return self._ready()

    def reload(self) -> Notebook:
        self.page.reload()
        return self._ready()

    def _ready(self) -> Notebook:
        ready = "() => window.jupyterapp?.shell.currentWidget?.content?.widgets?.length > 0"
        self.page.wait_for_function(ready, timeout=_READY_TIMEOUT)
        session = "window.jupyterapp.shell.currentWidget.sessionContext?.session"
        kernel = f"() => {session}?.kernel?.connectionStatus === 'connected'"
        self.page.wait_for_function(kernel, timeout=_READY_TIMEOUT)
        self.page.wait_for_function(_HAS_WIDGETS, timeout=_READY_TIMEOUT)
        return self

    def start(self, cell: int) -> None:
        """Run a cell, without waiting for its end."""
        self.page.evaluate(
            """cell => {
                const app = window.jupyterapp, content = app.shell.currentWidget.content;
                content.activeCellIndex = cell;
                // It tells when the cell has ended, and the number saved in a notebook may be the next one's, too.
                content.widgets[cell].model.executionCount = null;
                app.commands.execute('notebook:run-cell');
            }""",
            cell,
        )
        # The command looks at the active cell only after a while: another start must not come before.
        self.page.wait_for_function(
            """cell => {
                const model = window.jupyterapp.shell.currentWidget.content.widgets[cell].model;
                return model.executionState === 'running' || model.executionCount !== null;
            }""",
            arg=cell,
        )

    def run(self, cell: int, within: float = 60) -> list[Any]:
        """Run a cell to its end; return its outputs."""
        self.start(cell)
        self.page.wait_for_function(
            "cell => window.jupyterapp.shell.currentWidget.content.widgets[cell].model.executionCount !== null",
            arg=cell,
            timeout=within * 1000,
        )
        return self.outputs(cell)

    def _count(self, cell: int) -> Any:
        return self.page.evaluate(
            "cell => window.jupyterapp.shell.currentWidget.content.widgets[cell].model.executionCount", cell
        )

    def has_ended(self, cell: int) -> bool:
        """Return whether a cell has finished."""
        return self._count(cell) is not None

    def is_busy(self) -> bool:
        """Return whether a cell runs. The kernel's own status includes its control channel."""
        running = "widget => widget.model.executionState === 'running'"
        return bool(self.page.evaluate(f"() => window.jupyterapp.shell.currentWidget.content.widgets.some({running})"))

    def outputs(self, cell: int) -> list[Any]:
        return list(
            self.page.evaluate(
                "cell => window.jupyterapp.shell.currentWidget.content.widgets[cell].model.outputs.toJSON()", cell
            )
        )

    def text(self, cell: int) -> str:
        """Return what a cell printed, returned or raised, as one text."""
        parts = []
        for output in self.outputs(cell):
            text = output.get("text") or output.get("data", {}).get("text/plain") or output.get("traceback", "")
            parts.append("".join(text) if isinstance(text, list) else str(text))
        return "\n".join(parts)

    def save(self) -> Any:
        """Save it; return the notebook as it is on disk."""
        self.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
        return json.loads((self._lab.root / self.name).read_text())

    def theme(self, name: str) -> None:
        """Light or Dark."""
        self.page.evaluate(
            "theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme: `JupyterLab ${theme}` })",
            name,
        )
        wanted = "true" if name == "Light" else "false"
        self.page.wait_for_selector(f'body[data-jp-theme-light="{wanted}"]', state="attached")

    def picture(self, name: str, element: Any = None, margin: int = 0) -> Path:
        """A screenshot, kept in test-output/. `margin` is the pixels around the element that it also shows."""
        OUTPUT.mkdir(exist_ok=True)
        path = OUTPUT / f"{name}.png"
        if not margin:
            (element or self.page).screenshot(path=str(path))
            return path
        element.scroll_into_view_if_needed()
        place = element.bounding_box()
        clip = {"x": place["x"] - margin, "y": place["y"] - margin}
        size = {side: place[side] + 2 * margin for side in ("width", "height")}
        self.page.screenshot(path=str(path), clip={**clip, **size})
        return path


def _private_environment(home: Path) -> dict[str, str]:
    """Nothing of the user's own settings, and none of the tests'."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHONASYNCIO", "COV_", "PYTEST"))}
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "HOME"):
        directory = home / name.lower()
        directory.mkdir()
        environment[name] = str(directory)
    environment["JUPYTER_PATH"] = str(_EXTENSIONS)
    # Else it asks whether one would like to hear news, over whatever is to be seen.
    settings = home / "jupyter_config_dir" / "lab/user-settings/@jupyterlab/apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}')
    return environment
