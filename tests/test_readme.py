"""The README and the docs: every block of Python runs by itself, and prints its stated output."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import wait_until
from zefnb.notebook.magics import command

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.M | re.S)
LINK = re.compile(r"\]\(([^)#]+)\)")
SAID = re.compile(r"# → (.*)$", re.M)
# A line of `%zef` in a block or between backticks, without the comment after two blanks.
MAGIC = re.compile(r"(?:^ {4}\"?|`)%{1,2}zef ([a-z]+)((?: ?[^\s`\"\\]+)*)", re.M)
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


class Block(NamedTuple):
    page: Path
    line: int
    code: str

    @property
    def name(self) -> str:
        return f"{self.page.name}:{self.line}"

    @property
    def program(self) -> str:
        """The block on a free port, after the import that the pages imply. It ends when it is sent a line."""
        code = self.code.replace("port=8000", "port=0")
        return f"from zefnb import *\n{code}\nimport sys, time\ntime.sleep(0.4)\nsys.stdin.readline()\n"

    @property
    def said(self) -> set[str]:
        """What it prints."""
        return {said.strip() for said in SAID.findall(self.code)}


BLOCKS = [
    Block(page, page.read_text()[: match.start()].count("\n") + 1, match[1])
    for page in PAGES
    if page.exists()
    for match in BLOCK.finditer(page.read_text())
]


def test_there_are_blocks_to_run():
    assert len(BLOCKS) > 8


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.name)
def test_a_block_runs_and_prints_its_stated_output(block: Block, tmp_path: Path):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONASYNCIODEBUG"}
    output, errors, folder = tmp_path / "output", tmp_path / "errors", tmp_path / "folder"
    folder.mkdir()
    with output.open("w") as to_output, errors.open("w") as to_errors:
        process = subprocess.Popen(
            [sys.executable, "-c", block.program],
            stdin=subprocess.PIPE,
            stdout=to_output,
            stderr=to_errors,
            text=True,
            cwd=folder,
            env=environment | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        )

    def has_printed() -> bool:
        """In any order: handlers print from threads of their own."""
        printed = output.read_text()
        return process.poll() is not None or all(said in printed for said in block.said)

    try:
        with suppress(AssertionError):
            wait_until(has_printed, within=90)
        process.communicate("\n", timeout=20)
    finally:
        process.kill()
    assert (process.returncode, errors.read_text()) == (0, "")
    printed = output.read_text()
    assert [said for said in block.said if said not in printed] == []


@pytest.mark.parametrize("page", [*PAGES, *NOTEBOOKS], ids=lambda page: page.name)
def test_every_subcommand_and_option_of_zef_in_a_page_exists(page: Path):
    for name, rest in MAGIC.findall(page.read_text()):
        options = {option for action in command(name).parser()._actions for option in action.option_strings}
        assert {word for word in rest.split() if re.match(r"--?[a-z]", word)} <= options, f"%zef {name}{rest}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_resolve(page: Path):
    for target in LINK.findall(page.read_text()):
        generated = target.startswith(("reference/", "tutorials/"))  # tests/test_site.py builds and checks these
        assert "://" in target or generated or (page.parent / target).exists(), target
