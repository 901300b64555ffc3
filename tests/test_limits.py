"""The page of limits: each row agrees with the code, and names an existing test."""

from __future__ import annotations

import ast
import functools
import importlib
import re
from pathlib import Path
from typing import NamedTuple

import pytest

from attacks.cases import find_attacks

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "limits.md"
UNITS = {"": 1, "s": 1, "ms": 0.001, "bytes": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


class Row(NamedTuple):
    what: str
    limit: str
    constant: str
    change: str
    then: str
    held_by: str


def rows() -> list[Row]:
    tables = [line.strip("|").split(" | ") for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    return [Row(*(cell.strip() for cell in cells)) for cells in tables if cells[0].strip() != "what"]


def value_of(limit: str) -> float:
    """Return the number in a cell such as `32 KiB` or `10,000`."""
    said = re.fullmatch(r"([\d,.]+) ?([A-Za-z]*)", limit)
    assert said, f"{limit!r} is no number with a unit"
    return float(said[1].replace(",", "")) * UNITS[said[2]]


@functools.cache
def names_of_tests() -> set[str]:
    found: set[str] = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        found.update(re.findall(r"^(?:async )?def (test_\w+)", path.read_text(), re.MULTILINE))
    return found


@functools.cache
def imported_names() -> dict[tuple[str, str], Path]:
    """Each module and name that a module of the package imports by `from`, with one path that does so."""
    found: dict[tuple[str, str], Path] = {}
    for path in (ROOT / "zefnb").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                found.update({(node.module or "", each.name): path for each in node.names})
    return found


def names_evaluated_at_import(tree: ast.Module) -> set[str]:
    """The names in defaults of functions, in bodies of classes, and at the top level of a module."""
    outside: list[ast.AST] = []
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.ClassDef):
            waiting += node.body
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            outside.append(node.args)
        else:
            outside.append(node)
    nodes = (each for part in outside for each in ast.walk(part))
    return {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.constant.strip("`"))
def test_the_page_agrees_with_the_code(row: Row):
    module, _, name = row.constant.strip("`").rpartition(".")
    assert getattr(importlib.import_module(f"zefnb.{module}"), name) == value_of(row.limit)


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.what)
def test_each_limit_has_an_existing_test_or_attack(row: Row):
    assert row.change
    assert row.then
    known = names_of_tests() | {attack.name for attack in find_attacks()}
    holders = re.findall(r"`([\w-]+)`", row.held_by)
    assert holders
    assert set(holders) <= known


@pytest.mark.parametrize("row", [row for row in rows() if "the constant" in row.change], ids=lambda row: row.constant)
def test_a_changed_constant_applies_everywhere(row: Row):
    """Each use reads the constant from its module: an imported name or a default would keep the first value."""
    module, _, name = row.constant.strip("`").rpartition(".")
    assert (f"zefnb.{module}", name) not in imported_names()
    source = (ROOT / "zefnb" / module.replace(".", "/")).with_suffix(".py").read_text()
    assert name not in names_evaluated_at_import(ast.parse(source)), f"{module} uses {name} when it is imported"


def test_there_is_a_row_for_every_limit_of_the_network():
    """A constant that is named as a limit is on the page."""
    named: set[str] = set()
    for path in (ROOT / "zefnb" / "net").rglob("*.py"):
        module = ".".join(path.relative_to(ROOT / "zefnb").with_suffix("").parts)
        named.update(f"{module}.{name}" for name in re.findall(r"^([A-Z]\w*_LIMIT)\b", path.read_text(), re.M))
    assert named
    assert named <= {row.constant.strip("`") for row in rows()}
