"""The page of limits: each row agrees with the code, and names an existing test."""

from __future__ import annotations

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


def test_there_is_a_row_for_every_limit_of_the_network():
    """A constant that is named as a limit is on the page."""
    named: set[str] = set()
    for path in (ROOT / "zefnb" / "net").rglob("*.py"):
        module = ".".join(path.relative_to(ROOT / "zefnb").with_suffix("").parts)
        named.update(f"{module}.{name}" for name in re.findall(r"^([A-Z]\w*_LIMIT)\b", path.read_text(), re.M))
    assert named
    assert named <= {row.constant.strip("`") for row in rows()}
