"""The files of `binder/`: found by repo2docker, installed into a clean environment, started."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from IPython.core.inputtransformer2 import TransformerManager
from packaging.specifiers import SpecifierSet

from tests.binder.conftest import BINDER, ROOT, Environment

# Waits for the environment to be made, if it is the first to ask for it.
slow = [pytest.mark.slow, pytest.mark.timeout(600)]
TELL = "import os, sys; print(os.getpid(), sys.argv[1:])"


def python_of_binder() -> str:
    return (BINDER / "runtime.txt").read_text().strip().removeprefix("python-")


def test_repo2docker_finds_the_files_and_builds_from_the_whole_repository():
    """A dry run: what repo2docker would build, without docker and without a network."""
    done = subprocess.run(
        [sys.executable, "-m", "repo2docker", "--no-build", "--debug", "."], cwd=ROOT, capture_output=True, text=True
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert f"for python={python_of_binder()}" in said
    # What is installed is the repository itself, so all of it must be there before.
    everything = said.index(" src/ ${REPO_DIR}/")
    assert everything < said.index('/pip install --no-cache-dir -r "binder/requirements.txt"')
    assert 'R2D_ENTRYPOINT="${REPO_DIR}/binder/start"' in said


def test_its_python_version_is_one_that_the_project_supports():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert python_of_binder() in SpecifierSet(project["requires-python"])


@pytest.fixture
def start(environment: Environment):
    """`start('a', 'b')`: run `binder/start` with these arguments; return its output and its process number."""

    def run(*words: str, **variables: str) -> tuple[int, str]:
        command = [str(BINDER / "start"), *words]
        with subprocess.Popen(
            command, env={**environment.variables, **variables}, stdout=subprocess.PIPE, text=True
        ) as process:
            said, _ = process.communicate(timeout=60)
        assert process.returncode == 0, said
        return process.pid, said

    return run


class TestInACleanEnvironment:
    pytestmark = slow

    def test_the_doctor_finds_nothing_missing(self, environment):
        said = environment.run("zefnb", "doctor")
        assert str(environment.bin) in said
        assert "Nothing that zefnb needs is missing." in said
        assert "not installed (" not in said

    def test_widgets_and_the_proxy_are_there(self, environment):
        said = environment.run("jupyter", "server", "extension", "list", "--debug")
        assert "jupyter_server_proxy" in said

    def test_start_runs_the_doctor_and_then_its_command(self, start, environment):
        words = ("two words", "$HOME", "", "*")
        number, said = start(str(environment.bin / "python"), "-c", TELL, *words)
        assert "Nothing that zefnb needs is missing." in said
        assert said.splitlines()[-1] == f"{number} {list(words)}"

    def test_start_continues_when_the_doctor_is_not_installed(self, start, environment):
        number, said = start(str(environment.bin / "python"), "-c", TELL, PATH="/usr/bin:/bin")
        assert said == f"{number} []\n"

    def test_all_that_the_tutorials_import_is_there(self, environment, tmp_path):
        names = sorted({"zefnb", *imported_by(ROOT / "notebooks")})
        ask = f"from importlib.util import find_spec; print([n for n in {names} if find_spec(n) is None])"
        assert environment.run("python", "-c", ask, folder=tmp_path) == "[]\n"


def imported_by(folder: Path) -> set[str]:
    """The modules that the notebooks of a folder import, in any of their cells."""
    found: set[str] = set()
    for notebook in folder.glob("*.ipynb"):
        for cell in json.loads(notebook.read_text("utf-8"))["cells"]:
            if cell["cell_type"] == "code" and not "".join(cell["source"]).startswith("%%"):
                tree = ast.parse(TransformerManager().transform_cell("".join(cell["source"])))
                found |= {name.split(".")[0] for node in ast.walk(tree) for name in modules(node)}
    return found


def modules(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []
