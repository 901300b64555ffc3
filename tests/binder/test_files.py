"""The files of `binder/`: found by repo2docker, installed into a clean environment, started."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import tomllib

import pytest

from tests.binder.conftest import BINDER, ROOT, Environment


def test_repo2docker_finds_them_and_builds_from_the_whole_repository(tmp_path):
    """A dry run: what it would build, without docker and without network."""
    done = subprocess.run(
        [sys.executable, "-m", "repo2docker", "--no-build", "--debug", "."],
        cwd=ROOT, capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "Using PythonBuildPack" in said
    assert f"python={(BINDER / 'runtime.txt').read_text().strip().removeprefix('python-')}" in said
    recipe = said[said.index("FROM ") :]
    install = recipe.index('pip install --no-cache-dir -r "binder/requirements.txt"')
    # What is installed is the repository itself, so all of it must be there before.
    assert recipe.index("COPY --chown=1000:1000 src/ ${REPO_DIR}/") < install
    assert 'R2D_ENTRYPOINT="/home/' in recipe
    assert "/binder/start" in recipe


def test_its_python_is_one_that_the_project_runs_on():
    from packaging.specifiers import SpecifierSet

    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert (BINDER / "runtime.txt").read_text().strip().removeprefix("python-") in SpecifierSet(wanted)


def test_start_becomes_what_it_is_given_with_every_word_as_it_was(tmp_path):
    said = started(tmp_path, "import os, sys; print([os.getpid(), *sys.argv[1:]])", "two words", "$HOME", "")
    assert said.args[-1][1:] == ["two words", "$HOME", ""]
