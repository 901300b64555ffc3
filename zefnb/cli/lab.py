"""`zefnb lab`: JupyterLab on the tutorial notebooks."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from zefnb.notebook.tutorials import notebooks_folder

HOW_TO_GET = "pip install jupyterlab"


_SETTINGS = Path(__file__).with_name("lab_settings")


def lab(arguments: Sequence[str] = ()) -> int:
    """Become `jupyter lab` with these arguments, open at the first tutorial; without it, say how to get it."""
    if find_spec("jupyterlab") is None:
        print(f"zefnb lab: JupyterLab is not installed in this environment; {HOW_TO_GET}", file=sys.stderr)
        return 1
    folder = notebooks_folder()
    if folder is None:
        print("The tutorial notebooks are in the checkout; JupyterLab opens in this folder.", flush=True)
    command = [sys.executable, "-m", "jupyterlab", str(folder or Path.cwd()), *_options(folder), *arguments]
    if os.name == "nt":  # where replacing the process loses the console
        import subprocess

        return subprocess.call(command)
    os.execv(command[0], command)


def _options(folder: Path | None) -> list[str]:
    """What differs from JupyterLab's defaults. Options of the user's own come later on the line, and win."""
    options = []
    if _is_root():
        # In containers everybody is root; the server listens on this machine alone and wants its token.
        print("zefnb lab: running as root, so JupyterLab is started with --allow-root", file=sys.stderr, flush=True)
        options.append("--allow-root")
    if folder is not None:
        first = min(path.name for path in folder.glob("*.ipynb"))
        # Its own settings show file names whole, without the column of dates beside them.
        options += [f"--LabApp.default_url=/lab/tree/{first}", f"--LabApp.app_settings_dir={_SETTINGS}"]
    return options


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0
