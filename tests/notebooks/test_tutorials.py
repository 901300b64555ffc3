"""The tutorials: each runs by itself in a real kernel, twice without a twin, and has the form of the others."""

from __future__ import annotations

import json
import re

import nbformat
import pytest

from tests.notebooks.tutorial import FOLDER, PATHS, Outcome, Tutorial

LONGEST_CELL = 16
LONGEST_PAGE = 40
FIRST_CODE = "from zefnb import *\n%load_ext zefnb"

Ran = tuple[Tutorial, Outcome, Outcome, Outcome]


@pytest.fixture(scope="module", params=PATHS, ids=lambda path: path.stem)
def ran(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A tutorial, and the state after its first and its second run in one kernel, and after it has been stopped."""
    tutorial = Tutorial(request.param)
    first, second, stopped = tutorial.run_twice_and_stop(tmp_path_factory.mktemp("tutorial"))
    return tutorial, first, second, stopped


@pytest.fixture(params=PATHS, ids=lambda path: path.stem)
def tutorial(request: pytest.FixtureRequest) -> Tutorial:
    return Tutorial(request.param)


def test_there_are_tutorials():
    assert PATHS


# Run


def test_it_runs_from_top_to_bottom(ran: Ran):
    _, first, _, _ = ran
    assert first.error == ""


def test_it_runs_again_and_leaves_no_duplicate(ran: Ran):
    _, first, second, _ = ran
    assert second.error == ""
    assert second.running == first.running


def test_only_announced_errors_occur(ran: Ran):
    tutorial, first, second, _ = ran
    for faults in (first.faults, second.faults):
        known = [*tutorial.announced, *tutorial.possible]
        assert [fault for fault in faults if not any(part in fault for part in known)] == []
        assert [part for part in tutorial.announced if not any(part in fault for fault in faults)] == []


def test_everything_still_runs_at_its_end(ran: Ran):
    _, first, second, _ = ran
    assert first.running["servers"] >= 1
    assert second.running["servers"] >= 1


def test_the_code_that_it_shows_last_stops_everything(ran: Ran):
    _, _, _, stopped = ran
    assert stopped.error == ""
    started = ("servers", "outward clients", "timers", "replays", "actors")
    assert {kind: stopped.running[kind] for kind in started} == dict.fromkeys(started, 0)


# Form


def test_it_is_a_valid_notebook_for_any_python_3(tutorial: Tutorial):
    nbformat.validate(tutorial.notebook)
    assert (tutorial.notebook.nbformat, tutorial.notebook.nbformat_minor) == (4, 5)
    assert tutorial.notebook.metadata.kernelspec.name == "python3"


def test_it_starts_with_a_title_and_the_imports_and_ends_with_an_exercise(tutorial: Tutorial):
    assert re.match(r"# \S.*\n\n\S", tutorial.cells[0].source)
    assert tutorial.prose.count("\n# ") == 0
    assert tutorial.code[0].source == FIRST_CODE
    assert tutorial.cells[-1].cell_type == "markdown"
    assert tutorial.cells[-1].source.startswith("## Now you\n")
    assert tutorial.stopping


def test_its_cells_have_readable_unique_ids(tutorial: Tutorial):
    names = [cell.id for cell in tutorial.cells]
    assert [name for name in names if not re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", name)] == []
    assert len(set(names)) == len(names)


def test_it_is_short(tutorial: Tutorial):
    assert 8 <= len(tutorial.cells) <= 16
    lengths = {
        cell.id: len(cell.source.splitlines())
        for cell in tutorial.code
        if len(cell.source.splitlines()) > (LONGEST_PAGE if cell.source.startswith("%%zef page") else LONGEST_CELL)
    }
    assert lengths == {}


def test_its_links_resolve_and_one_leads_to_the_next_tutorial(tutorial: Tutorial):
    assert [link for link in tutorial.links if not (FOLDER / link).exists()] == []
    following = PATHS[PATHS.index(tutorial.path) + 1 :]
    assert not following or following[0].name in tutorial.links


def test_saved_output_comes_from_a_run_and_contains_no_local_path(tutorial: Tutorial):
    for cell in tutorial.code:
        assert bool(cell.outputs) == (cell.execution_count is not None), cell.id
        saved = json.dumps(cell.outputs)
        assert not re.search(r"/(home|tmp|work|root|Users|usr)/|[A-Z]:\\\\", saved), cell.id
        assert "Traceback" not in saved, cell.id
