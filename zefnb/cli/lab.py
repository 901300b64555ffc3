"""`zefnb lab`: JupyterLab on the tutorial notebooks."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

HOW_TO_GET = "pip install jupyterlab"


def notebooks_folder() -> Path | None:
    """Where the tutorials are: in this folder, or in the checkout that this package runs from."""
    places = (Path.cwd() / "notebooks", Path(__file__).resolve().parents[2] / "notebooks")
    return next((place for place in places if any(place.glob("*.ipynb"))), None)


def how_to_open() -> str:
    """One line on the tutorial notebooks, true to what is there."""
    if notebooks_folder() is None:
        return "The tutorial notebooks are in a checkout of zefnb: `make lab` opens them there."
    return "The tutorial notebooks: `make lab` in the checkout, or `zefnb lab`."


def lab(arguments: Sequence[str] = ()) -> int:
    """Become `jupyter lab` with these arguments; without it, say how to get it."""
    if find_spec("jupyterlab") is None:
        print(f"zefnb lab: JupyterLab is not installed in this environment; {HOW_TO_GET}", file=sys.stderr)
        return 1
    folder = notebooks_folder()
    if folder is None:
        print(
            "The tutorial notebooks are in a checkout of zefnb; JupyterLab opens in this folder.",
            flush=True,
        )
    command = [sys.executable, "-m", "jupyterlab", str(folder or Path.cwd()), *arguments]
    if os.name == "nt":  # where replacing the process loses the console
        import subprocess

        return subprocess.call(command)
    os.execv(command[0], command)
