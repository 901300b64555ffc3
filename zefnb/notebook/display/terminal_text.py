"""Text that rich draws for a terminal of a given width."""

from __future__ import annotations

import io
from typing import Any


def terminal_text(*parts: Any, colour: bool, width: int) -> str:
    """Return the parts as text, with or without colour, and without empty lines."""
    from rich.console import Console

    file = io.StringIO()
    # By default, a console in a kernel displays HTML instead.
    console = Console(
        file=file,
        width=width,
        force_terminal=colour,
        force_jupyter=False,
        color_system="auto" if colour else None,
        highlight=False,
    )
    for part in parts:
        console.print(part)
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines() if line.strip())
