"""`zefnb lab`: JupyterLab on the tutorial notebooks."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from zefnb.notebook.tutorials import notebooks_folder

HOW_TO_GET = "pip install jupyterlab"


def lab(arguments: Sequence[str] = ()) -> int:
    """Become `jupyter lab` with these arguments; without it, say how to get it."""
    if find_spec("jupyterlab") is None:
        print(f"zefnb lab: JupyterLab is not installed in this environment; {HOW_TO_GET}", file=sys.stderr)
        return 1
    folder = notebooks_folder()
    if folder is None:
        print("The tutorial notebooks are in the checkout; JupyterLab opens in this folder.", flush=True)
    command = [sys.executable, "-m", "jupyterlab", str(folder or Path.cwd()), *arguments]
    if os.name == "nt":  # where replacing the process loses the console
        import subprocess

        return subprocess.call(command)
    os.execv(command[0], command)
