"""uPlot, the library that draws lines in the browser: its script and its style sheet, for pages and for notebooks.

It comes with the package, unchanged, under the MIT licence: `static/uPlot.LICENSE`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

_STATIC = Path(__file__).parent / "static"


@cache
def script() -> str:
    """Return the script, which defines `uPlot`."""
    return (_STATIC / "uPlot.iife.min.js").read_text("utf-8").strip()


@cache
def style() -> str:
    """Return the style sheet."""
    return (_STATIC / "uPlot.min.css").read_text("utf-8").strip()
