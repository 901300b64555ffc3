"""Tracebacks: an error of ours points at the line that caused it, not into the code that found it.

IPython asks an exception how it wants to be shown; every other kind is left to it. It asks the outermost alone, so one
of ours that was the cause of another is shown whole.
"""

from __future__ import annotations

from types import FrameType, TracebackType
from typing import Any

from zefnb.errors import ZefError

_HOOK = "_render_traceback_"


class Tracebacks:
    """How a shell shows our errors. `%xmode Verbose` shows all there is."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell

    def open(self) -> None:
        """Begin."""

        def rendered(error: ZefError) -> list[str]:
            style = self._shell.InteractiveTB
            shown = error.__traceback__ if style.mode == "Verbose" else to_its_cause(error.__traceback__)
            lines: list[str] = style.structured_traceback(type(error), error, shown)
            return lines

        setattr(ZefError, _HOOK, rendered)

    def close(self) -> None:
        """End it."""
        if hasattr(ZefError, _HOOK):
            delattr(ZefError, _HOOK)


def to_its_cause(traceback: TracebackType | None) -> TracebackType | None:
    """The traceback without our own frames at its end. Ours between a cell and a user's function stay."""
    steps: list[TracebackType] = []
    while traceback is not None:
        steps.append(traceback)
        traceback = traceback.tb_next
    while steps and _is_ours(steps[-1].tb_frame):
        steps.pop()
    shown = None
    for step in reversed(steps):
        shown = TracebackType(shown, step.tb_frame, step.tb_lasti, step.tb_lineno)
    return shown


def _is_ours(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__")).partition(".")[0] == "zefnb"
