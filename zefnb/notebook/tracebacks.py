"""Tracebacks: an error of zefnb points at the line that caused it, not at the code of zefnb that raised it.

IPython calls a hook of the exception to render it, and all other exceptions stay as they are. It calls the hook of the
outermost exception only, so an error of zefnb that is the cause of another exception has its full traceback.
"""

from __future__ import annotations

from types import FrameType, TracebackType
from typing import Any

from zefnb.errors import ZefError

_HOOK = "_render_traceback_"


class Tracebacks:
    """Renders the errors of zefnb in a shell. With `%xmode Verbose` the traceback is complete."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell

    def open(self) -> None:
        """Add the hook to the errors of zefnb."""

        def rendered(error: ZefError) -> list[str]:
            style = self._shell.InteractiveTB
            shown = error.__traceback__ if style.mode == "Verbose" else to_its_cause(error.__traceback__)
            lines: list[str] = style.structured_traceback(type(error), error, shown)
            return lines

        setattr(ZefError, _HOOK, rendered)

    def close(self) -> None:
        """Remove the hook."""
        if hasattr(ZefError, _HOOK):
            delattr(ZefError, _HOOK)


def to_its_cause(traceback: TracebackType | None) -> TracebackType | None:
    """Return the traceback without the frames of zefnb at its end. Frames of zefnb above a user's function stay."""
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
