"""A tutorial: a notebook of `notebooks/`, and the outcome of a run in a real kernel."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from traitlets.config import Config

from tests.kernel_sockets import KernelSockets

FOLDER = Path(__file__).parents[2] / "notebooks"
PATHS = sorted(FOLDER.glob("*.ipynb"))
_EACH_CELL_WITHIN = 30

# Asked in the kernel, between runs: what runs there, and what its journal holds against the notebook.
_CENSUS = """
def __census():
    import collections
    from ipywidgets.widgets import widget
    from zefnb import FX, run
    kinds = collections.Counter(binding['kind'] for binding in FX.StreamGraphSnapshot() | run)
    return {
        'servers': len(FX.QueryAllActiveHTTPServers() | run),
        'outward clients': len(FX.ListWebSocketClients() | run),
        'timers': len(FX.ListTimers() | run),
        'replays': len(FX.ListReplays() | run),
        'actors': len(FX.ListActors() | run),
        'subscriptions': kinds['subscription'] + kinds['map'],
        'widgets': len(widget._instances),
    }, [entry['message'] for entry in FX.QueryLog(level='warning') | run]
print(repr(__census()))
"""


@dataclass(frozen=True)
class Outcome:
    """The outcome of one run from the first cell to the last."""

    error: str
    running: dict[str, int]
    faults: list[str]


class Tutorial:
    """A notebook on disk. Its metadata announce the errors that it causes, by a part of the journal's message:
    `{"zefnb": {"faults": ["ZeroDivisionError"]}}`, and under `possible_faults` those that depend on which of two
    comes first, such as a server that returns and a client that connects again.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notebook: Any = nbformat.read(path, as_version=4)
        self.cells: list[Any] = self.notebook.cells
        self.announced: list[str] = self.notebook.metadata.get("zefnb", {}).get("faults", [])
        self.possible: list[str] = self.notebook.metadata.get("zefnb", {}).get("possible_faults", [])

    @property
    def code(self) -> list[Any]:
        """Its cells of code."""
        return [cell for cell in self.cells if cell.cell_type == "code"]

    @property
    def prose(self) -> str:
        """Its text."""
        return "\n\n".join(cell.source for cell in self.cells if cell.cell_type == "markdown")

    @property
    def stopping(self) -> str:
        """The code that its last cell shows and does not run: what stops everything."""
        blocks: list[str] = re.findall(r"```python\n(.*?)```", self.cells[-1].source, re.DOTALL)
        return blocks[-1] if blocks else ""

    def with_stop(self) -> Any:
        """The notebook and one more cell, `stop`, as its reader adds it."""
        stop = nbformat.v4.new_code_cell(self.stopping, id="stop")
        return nbformat.from_dict({**self.notebook, "cells": [*self.cells, stop]})

    @property
    def links(self) -> list[str]:
        """Where its text leads, on this disk."""
        return [link for link in re.findall(r"\]\(([^)#]+)", self.prose) if "://" not in link]

    def run_twice_and_stop(self, folder: Path) -> list[Outcome]:
        """All cells in a fresh kernel, all of them again in the same, and then the code that stops everything."""
        census = nbformat.v4.new_code_cell(_CENSUS)
        stop = nbformat.v4.new_code_cell(self.stopping)
        copied = nbformat.from_dict({**self.notebook, "cells": [*self.cells, stop, census]})
        *cells, stop, census = copied.cells
        with _kernel(copied, folder) as client:
            return [_run(client, [*run, census]) for run in (cells, cells, [stop])]


def _run(client: NotebookClient, cells: list[Any]) -> Outcome:
    """Run the cells up to the first that fails, and the last of them, the census, in any case."""
    error = ""
    try:
        for number, cell in enumerate(cells[:-1]):
            client.execute_cell(cell, number)
    except CellExecutionError as failure:
        error = re.sub(r"\x1b\[[0-9;]*m", "", str(failure))
    asked = client.execute_cell(cells[-1], len(cells) - 1)
    running, faults = ast.literal_eval("".join(output["text"] for output in asked.outputs))
    return Outcome(error, running, faults)


@contextmanager
def _kernel(notebook: Any, folder: Path) -> Iterator[NotebookClient]:
    # asyncio's debugging, on in the tests themselves, would write into cells.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONASYNCIODEBUG"}
    env["ZEFNB_DATA_DIR"] = str(folder / "data")
    with closing(KernelSockets()) as sockets:
        client = NotebookClient(
            notebook,
            timeout=_EACH_CELL_WITHIN,
            kernel_name="python3",
            resources={"metadata": {"path": str(folder)}},
            config=Config(KernelManager=sockets.options),
        )
        with client.setup_kernel(env=env):
            yield client
