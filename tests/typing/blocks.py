"""The code that users copy, as modules to check: blocks of the pages and of the specification, and the tutorials."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import nbformat

from tests.spec import cases
from tests.spec.test_websockets import BLOCKS, block_of
from tests.test_readme import BLOCKS as PAGES
from tests.test_readme import Block

ROOT = Path(__file__).resolve().parents[2]
_STAR = "from zefnb import *\n"
_DISPLAY = "from IPython.display import display"  # what every kernel has


def modules() -> dict[str, str]:
    """Return each as the text of a module, by a name that gives its origin."""
    return {
        **{re.sub(r"\W", "_", block.name): _STAR + block.code for block in PAGES if _is_for_users(block)},
        **dict(_specification()),
        **dict(_tutorials()),
    }


def _is_for_users(block: Block) -> bool:
    """Not blocks that declare their own effect, which the stub cannot know, or that show a mistake."""
    return block.page.name != "add-an-effect.md" and "except TypeError" not in block.code


def _specification() -> Iterator[tuple[str, str]]:
    for number, case in enumerate(cases.CASES if BLOCKS else ()):
        yield f"specification_{number}", f"{_STAR}{textwrap.dedent(case.prelude)}\n{block_of(case)}"


def _tutorials() -> Iterator[tuple[str, str]]:
    """The code cells in a row; lines and cells that begin with `%` are IPython's, and `!` and `?` are as well."""
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
        python = [_without_magics(source) for source in cells if not source.startswith("%%")]
        yield f"tutorial_{re.sub(r'[^a-z0-9]', '_', path.stem)}", "\n".join([_DISPLAY, *python]) + "\n"


def _without_magics(source: str) -> str:
    assigned = re.sub(r"^(\s*\w+) = %.*$", r"\1: Any = None", source, flags=re.M)
    return re.sub(r"^(\s*)(?:[%!].*|.*\?)$", r"\1pass", assigned, flags=re.M)
