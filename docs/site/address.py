"""The address of the repository, which its owner sets in pyproject.toml."""

from __future__ import annotations

import tomllib
from pathlib import Path


def of_repository(root: Path) -> str:
    """Return the address without a slash at its end, or "" if it is not set."""
    hatch = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["hatch"]
    return str(hatch["metadata"]["hooks"]["custom"]["repository"]).rstrip("/")
