"""The parts of zefnb that `import zefnb` sets up in a marimo notebook."""

from __future__ import annotations

from zefnb.core import marimo
from zefnb.notebook.marimo.display import Display
from zefnb.notebook.marimo.output import Output
from zefnb.notebook.marimo.page_frames import PageFrames

_parts: list[Display | Output | PageFrames] = []


def attach() -> None:
    """Set up display and output routing once in this process, if this thread runs a marimo notebook."""
    if marimo.context() is None or _parts:
        return
    for part in (Display(), Output(), PageFrames()):
        part.open()
        _parts.append(part)


def detach() -> None:
    """Remove what `attach` has set up."""
    while _parts:
        _parts.pop().close()
