"""Port holders: which program holds a port of this machine, as far as the system shows it."""

from __future__ import annotations

import os
from typing import Any

from zefnb.text.controls import strip_controls

UNKNOWN = "another program; stop it"
_LONGEST_NAME = 120


def describe_holder(port: int) -> str:
    """Name the program that listens on `port`, and how to end it; "another program" when the system does not show it.

    Takes some 10 ms. Needs psutil, which every Jupyter kernel has.
    """
    try:
        import psutil  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        return UNKNOWN
    try:
        # Connections of other users have no process here; some systems refuse the whole list.
        listening = (c for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN and c.laddr)
        pid = next((c.pid for c in listening if c.laddr.port == port and c.pid), None)
        return UNKNOWN if pid is None or pid == os.getpid() else _described(psutil.Process(pid), port)
    except (psutil.Error, OSError):
        return UNKNOWN


def _described(process: Any, port: int) -> str:
    if any("ipykernel" in word for word in process.cmdline()):
        notebook = _notebook_of(process)
        kernel = f"the kernel of {notebook}" if notebook else "another Jupyter kernel"
        return (
            f"{kernel} (process {process.pid}); stop its server there (`%zef stop {port}`), or shut that kernel down "
            "(in JupyterLab: Running Terminals and Kernels)"
        )
    return f"{_shown(process.name())} (process {process.pid}); stop it"


def _notebook_of(process: Any) -> str:
    """The path of the kernel's notebook, which the server gives to each kernel that it starts."""
    return _shown(os.path.basename(process.environ().get("JPY_SESSION_NAME", "")))


def _shown(name: str) -> str:
    return strip_controls(name[:_LONGEST_NAME])
