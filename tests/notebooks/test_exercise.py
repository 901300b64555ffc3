"""The exercise of the tutorials: it says what is missing, and its hidden cell is a solution."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from traitlets.config import Config

from tests.kernel_sockets import KernelSockets

EXERCISE = Path(__file__).parents[2] / "notebooks" / "09-chat-with-usernames.ipynb"


@pytest.fixture
def exercise() -> Any:
    return nbformat.read(EXERCISE, as_version=4)


def cell(notebook: Any, name: str) -> Any:
    return next(cell for cell in notebook.cells if cell.id == name)


def told(notebook: Any) -> str:
    """Run it in a kernel; return what it prints about the exercise."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONASYNCIODEBUG"}
    with closing(KernelSockets()) as sockets:
        config = Config(KernelManager=sockets.options)
        client = NotebookClient(notebook, timeout=30, kernel_name="python3", config=config)
        with client.setup_kernel(env=env):
            for number, one in enumerate(notebook.cells):
                client.execute_cell(one, number)
    return "".join(output.get("text", "") for output in cell(notebook, "try").outputs)


def test_only_the_solution_is_hidden(exercise: Any):
    folded = [cell.id for cell in exercise.cells if cell.metadata.get("jupyter", {}).get("source_hidden")]
    assert folded == ["solution"]


def test_the_unsolved_exercise_says_what_is_missing(exercise: Any):
    assert told(exercise) == "Not yet. Ada should hear '* Ada joined' now, and hears 'nothing'.\n"


def test_the_exercise_with_the_solution_reports_success(exercise: Any):
    handlers, _, start = cell(exercise, "solution").source.rpartition("\n\n")
    assert start.startswith("solved = ")
    cell(exercise, "exercise").source = handlers
    assert told(exercise) == "Well done: that is the whole conversation.\n"


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("[hear, join]", "[hear]"), ("{state.name} left", "{state.name} joined"), ("[{state.name}]: {text}", "{text}")],
    ids=["nobody-is-told-who-joins", "who-leaves-joins", "texts-without-names"],
)
def test_a_solution_with_a_mistake_does_not_pass(exercise: Any, right: str, wrong: str):
    solution = cell(exercise, "solution").source
    assert right in solution
    cell(exercise, "exercise").source = solution.rpartition("\n\n")[0].replace(right, wrong)
    assert told(exercise).startswith("Not yet. ")
