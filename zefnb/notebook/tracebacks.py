"""Tracebacks: an error of zefnb points at the line that caused it, not at the code of zefnb that raised it.

IPython calls a hook of the exception to render it, and all other exceptions stay as they are. It calls the hook of the
outermost exception only, so an error of zefnb that is the cause of another exception has its full traceback.

A `KeyboardInterrupt` can have no hook. IPython calls the shell's one handler for it, unless the user has set another.
"""

from __future__ import annotations

import sysconfig
from types import FrameType, TracebackType
from typing import Any

from zefnb.errors import ZefError

_HOOK = "_render_traceback_"
_INTERRUPTS = (KeyboardInterrupt,)
# The code of Python itself, of frozen modules, and of installed packages.
_OF_LIBRARIES = ("<frozen ", *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")))


class Tracebacks:
    """Renders the errors of zefnb in a shell, and Ctrl-C within its code. With `%xmode Verbose` all is shown."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell

    def open(self) -> None:
        """Add the hook to the errors of zefnb, and the handler of Ctrl-C."""

        def rendered(error: ZefError) -> list[str]:
            style = self._shell.InteractiveTB
            shown = self._shown(error.__traceback__)
            lines: list[str] = style.structured_traceback(type(error), error, shown)
            return lines

        setattr(ZefError, _HOOK, rendered)
        if not self._shell.custom_exceptions:
            self._shell.set_custom_exc(_INTERRUPTS, self._show_interrupt)

    def _show_interrupt(
        self, shell: Any, kind: type[BaseException], error: BaseException, traceback: Any, tb_offset: int | None = None
    ) -> None:
        shell.showtraceback((kind, error, self._shown(traceback)), tb_offset=tb_offset)

    def _shown(self, traceback: TracebackType | None) -> TracebackType | None:
        return traceback if self._shell.InteractiveTB.mode == "Verbose" else to_its_cause(traceback)

    def close(self) -> None:
        """Remove both."""
        if hasattr(ZefError, _HOOK):
            delattr(ZefError, _HOOK)
        if self._shell.custom_exceptions is _INTERRUPTS:
            self._shell.set_custom_exc((), None)


def to_its_cause(traceback: TracebackType | None) -> TracebackType | None:
    """Return the traceback without the frames of zefnb at its end, and without those of libraries that zefnb called.

    Frames of zefnb above a user's function stay.
    """
    steps: list[TracebackType] = []
    while traceback is not None:
        steps.append(traceback)
        traceback = traceback.tb_next
    of_user = max((index for index, step in enumerate(steps) if _is_of_user(step.tb_frame)), default=-1)
    cause = next((index for index in range(of_user + 1, len(steps)) if _is_ours(steps[index].tb_frame)), len(steps))
    shown = None
    for step in reversed(steps[:cause]):
        shown = TracebackType(shown, step.tb_frame, step.tb_lasti, step.tb_lineno)
    return shown


def _is_ours(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__")).partition(".")[0] == "zefnb"


def _is_of_user(frame: FrameType) -> bool:
    return not _is_ours(frame) and not frame.f_code.co_filename.startswith(_OF_LIBRARIES)
