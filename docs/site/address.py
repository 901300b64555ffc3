"""The address of the repository, from the one place in which its owner fills it in."""

from __future__ import annotations

import tomllib
from pathlib import Path


def of_repository(root: Path) -> str:
    """The address without a slash at its end; empty while there is none."""
    hatch = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["hatch"]
    return str(hatch["metadata"]["hooks"]["custom"]["repository"]).rstrip("/")
