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
    """Replace this process by `jupyter lab` at the first tutorial. Without JupyterLab, print how to install it."""
    if find_spec("jupyterlab") is None:
        print(f"zefnb lab: JupyterLab is not installed; install it with `{HOW_TO_GET}`", file=sys.stderr)
        return 1
    folder = notebooks_folder()
    if folder is None:
        print("The tutorial notebooks are in the checkout; JupyterLab opens in this folder.", flush=True)
    command = [sys.executable, "-m", "jupyterlab", str(folder or Path.cwd()), *_options(folder), *arguments]
    if os.name == "nt":  # on Windows the new process would lose the console
        import subprocess

        return subprocess.call(command)
    os.execv(command[0], command)


def _options(folder: Path | None) -> list[str]:
    """Return the options that change JupyterLab's defaults. The user's options come after them, and override them."""
    options = []
    if _is_root():
        # Containers usually run as root. The server listens only on this machine and requires its token.
        print("zefnb lab: running as root, so JupyterLab is started with --allow-root", file=sys.stderr, flush=True)
        options.append("--allow-root")
    if folder is not None:
        first = min(path.name for path in folder.glob("*.ipynb"))
        # The settings of the tutorials hide the column of dates, so that file names are complete.
        options += [f"--LabApp.default_url=/lab/tree/{first}", f"--LabApp.app_settings_dir={_SETTINGS}"]
    return options


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0
