"""The page of limits: each row agrees with the code, and names an existing test."""

from __future__ import annotations

import ast
import functools
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from attacks.cases import find_attacks

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "limits.md"
UNITS = {"": 1, "s": 1, "min": 60, "ms": 0.001, "bytes": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


NO_LIMITS_OF_PEERS = {
    "net.client.clients.MOST_WAIT",  # of the program's own `wait`
    "net.client.connection._MOST_PONGS",  # of pongs in one step; the newest ping always gets one
    "net.page.running._MOST_TOKENS",  # further ones have no use
    "net.http.cors.MAX_AGE",  # a header of responses
    "net.http.handshake._MOST_FIELDS",  # from there on the libraries read a handshake
    "net.http.servers._MOST_PUBLIC",  # of addresses that the notebook's own page reports
    "net.websocket.taps._MOST_PARTS",  # from there on only a short text of a message is displayed
}


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


def evaluated_at_import(tree: ast.Module) -> Iterator[ast.AST]:
    """What runs when a module is imported: its top level, bodies of classes, and defaults of functions."""
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        yield node
        is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        waiting += [node.args] if is_function else ast.iter_child_nodes(node)


@functools.cache
def imported_names() -> set[tuple[str, str]]:
    """Each module and name that a module of the package imports by `from`, except in functions."""
    trees = [ast.parse(path.read_text()) for path in (ROOT / "zefnb").rglob("*.py")]
    nodes = (node for tree in trees for node in evaluated_at_import(tree) if isinstance(node, ast.ImportFrom))
    return {(node.module or "", each.name) for node in nodes for each in node.names}


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
    own = ast.parse((ROOT / "zefnb" / module.replace(".", "/")).with_suffix(".py").read_text())
    used = {
        node.id for node in evaluated_at_import(own) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    assert name not in used, f"{module} uses {name} when it is imported"


def test_there_is_a_row_for_every_limit_of_the_network():
    """A constant whose name says that it is a limit is on the page."""
    named: set[str] = set()
    for path in (ROOT / "zefnb" / "net").rglob("*.py"):
        module = ".".join(path.relative_to(ROOT / "zefnb").with_suffix("").parts)
        found = re.findall(r"^(\w+_LIMIT|_?(?:MOST|MAX)_\w+)(?:: \w+)? =", path.read_text(), re.M)
        named.update(f"{module}.{name}" for name in found)
    assert named
    assert named - NO_LIMITS_OF_PEERS <= {row.constant.strip("`") for row in rows()}
    assert named >= NO_LIMITS_OF_PEERS
