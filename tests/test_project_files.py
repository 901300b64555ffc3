"""Files for contributors: workflows, templates, citation and links, each checked by a tool for its format."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from hatchling.metadata.core import ProjectMetadata
from hatchling.plugin.manager import PluginManager

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
REPOSITORY = 'repository = ""'


def tool(name: str) -> str:
    """The program of that name in the environment that runs the tests."""
    found = Path(sys.executable).with_name(name)
    if not found.exists():
        pytest.skip(f"LEFT OUT: {name} is not installed")
    return str(found)


def checked(*command: str) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_workflows_are_valid():
    checked(tool("actionlint"), "-shellcheck=", "-pyflakes=", *map(str, WORKFLOWS))


def test_a_broken_workflow_is_found(tmp_path: Path):
    broken = tmp_path / "broken.yml"
    broken.write_text(WORKFLOWS[0].read_text().replace("runs-on: ubuntu-latest", "run-on: ubuntu-latest"))
    done = subprocess.run([tool("actionlint"), broken], capture_output=True, text=True, check=False)
    assert done.returncode != 0


def test_the_workflows_have_no_known_security_flaw():
    checked(tool("zizmor"), "--offline", "--no-progress", "--config", ".github/zizmor.yml", ".github")


def test_the_tests_run_on_every_system_and_python_that_the_package_claims():
    matrix = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text())["jobs"]["below-the-browser"]["strategy"]
    claimed = re.findall(r"Python :: (3\.\d+)", " ".join(PYPROJECT["project"]["classifiers"]))
    assert matrix["matrix"]["python"] == claimed
    assert matrix["matrix"]["os"] == ["ubuntu-latest", "macos-latest", "windows-latest"]


def test_ci_makes_what_the_makefile_has():
    makefile = (ROOT / "Makefile").read_text()
    made = [re.findall(r"\bmake ([a-z-]+)", path.read_text()) for path in (ROOT / ".ci/run", *WORKFLOWS)]
    assert "test" in made[0]
    assert {target for targets in made for target in targets} <= set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    assert "bash .ci/run" in (ROOT / ".github/workflows/tests.yml").read_text()


MADE = """\
test:
	@echo 'FAILED tests/test_a.py::test_one'; echo '==== 1 failed, 2 passed in 3.00s ===='; exit 1
test-pythons:
	@echo 'LEFT OUT: all tests on Python 3.14'; echo 'FAILED tests/test_b.py::test_two'
	@echo 'PYTHONS: Python 3.13 on asyncio, all tests: FAILED tests/test_b.py::test_two'; echo 'many lines'
"""


@pytest.mark.skipif(not all(map(shutil.which, ("bash", "make"))), reason="bash or make is not installed")
def test_ci_runs_the_other_pythons_after_a_failure_and_ends_with_all_failures(tmp_path):
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci/run", tmp_path / ".ci")
    (tmp_path / "Makefile").write_text(MADE)
    # Without the variables of `make test`, since a nested make writes other messages.
    env = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")} | {"LC_ALL": "C"}
    done = subprocess.run(["bash", tmp_path / ".ci/run"], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    *_, left_out, failed, count, made, other = done.stdout.splitlines()
    assert left_out == "LEFT OUT: all tests on Python 3.14"
    assert failed == "FAILED tests/test_a.py::test_one"
    assert count == "==== 1 failed, 2 passed in 3.00s ===="
    assert made.startswith("make: ***")
    assert other == "PYTHONS: Python 3.13 on asyncio, all tests: FAILED tests/test_b.py::test_two"


def test_the_release_stores_no_token():
    text = (ROOT / ".github/workflows/release.yml").read_text()
    assert "id-token: write" in text
    assert "secrets." not in text


@pytest.mark.parametrize("form", sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml")), ids=lambda path: path.name)
def test_an_issue_form_is_yaml_that_github_reads(form: Path):
    read = yaml.safe_load(form.read_text())
    if form.name == "config.yml":
        assert read.keys() <= {"blank_issues_enabled", "contact_links"}
        return
    assert {"name", "description", "body"} <= read.keys()
    ids = [part["id"] for part in read["body"]]
    assert len(ids) == len(set(ids))
    assert all(part["attributes"]["label"] for part in read["body"])


def test_the_citation_names_the_version_that_is_built():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors", "type"} <= citation.keys()
    assert citation["version"] == PYPROJECT["project"]["version"]
    assert citation["license"] == PYPROJECT["project"]["license"]


def test_each_pre_commit_hook_runs_an_existing_command():
    hooks = [
        hook
        for repo in yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
        for hook in repo["hooks"]
    ]
    assert [hook["id"] for hook in hooks] == ["ruff", "ruff-format", "mypy", "workflows"]
    for hook in hooks:
        program, *arguments = hook["entry"].split()
        assert program.startswith(".venv/bin/")
        assert all((ROOT / word).exists() for word in arguments if word.endswith(".py"))


def links(root: Path) -> dict[str, str]:
    return ProjectMetadata(str(root), PluginManager()).core.urls


def test_without_a_repository_address_there_are_no_links():
    assert REPOSITORY in (ROOT / "pyproject.toml").read_text()
    assert links(ROOT) == {}


def test_one_address_makes_every_link(tmp_path: Path):
    for name in ("README.md", "LICENSE", "hatch_build.py"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    given = (ROOT / "pyproject.toml").read_text().replace(REPOSITORY, 'repository = "https://code.example/a/zefnb"')
    (tmp_path / "pyproject.toml").write_text(given)
    assert links(tmp_path)["Repository"] == "https://code.example/a/zefnb"
    assert all(address.startswith("https://code.example/a/zefnb") for address in links(tmp_path).values())


def test_a_wheel_puts_the_extension_where_jupyter_looks_with_the_version_of_the_package(tmp_path: Path):
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=60)
    [wheel] = map(zipfile.ZipFile, tmp_path.glob("*.whl"))
    version = PYPROJECT["project"]["version"]
    place = f"zefnb-{version}.data/data/share/jupyter/labextensions/zefnb"
    about = json.loads(wheel.read(f"{place}/package.json"))
    assert about["version"] == version
    assert f"{place}/{about['jupyterlab']['_build']['load']}" in wheel.namelist()
