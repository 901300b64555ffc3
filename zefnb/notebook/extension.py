"""The IPython extension: `%load_ext zefnb`, and the parts that `from zefnb import *` sets up without it."""

from __future__ import annotations

import sys
from typing import Any

from zefnb.notebook.display.display import Display
from zefnb.notebook.hints import Hints
from zefnb.notebook.links.cell_displays import CellDisplays
from zefnb.notebook.links.page_host import Address
from zefnb.notebook.output.output import Output
from zefnb.notebook.preload import Preloader
from zefnb.notebook.tracebacks import Tracebacks

_NAME = "zefnb"
_ATTRIBUTE = "_zefnb_attached"


class QuietReload:
    """Makes `%load_ext zefnb` silent when the extension is already loaded, so that a cell can run again."""

    def __init__(self, shell: Any) -> None:
        self._manager = shell.extension_manager

    def open(self) -> None:
        """Replace the shell's function that loads extensions."""
        manager, plain = self._manager, self._manager.load_extension

        def load_extension(name: str) -> Any:
            return None if name == _NAME and name in manager.loaded else plain(name)

        manager.load_extension = load_extension

    def close(self) -> None:
        """Restore the shell's function."""
        vars(self._manager).pop("load_extension", None)


class Attached:
    """The parts of zefnb that are set up in one shell."""

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self.parts: list[Any] = [
            part(shell) for part in (Display, Output, Address, CellDisplays, Tracebacks, Hints, Preloader)
        ]
        self.is_loaded = False
        for part in self.parts:
            part.open()

    def load(self) -> None:
        """Add the magics and completion."""
        if self.is_loaded:
            return
        self.is_loaded = True
        from zefnb.notebook.completion import Completion
        from zefnb.notebook.magics import Magics

        for part in (Magics(self.shell), Completion(self.shell), QuietReload(self.shell)):
            part.open()
            self.parts.append(part)

    def detach(self) -> None:
        """Restore the shell."""
        for part in reversed(self.parts):
            part.close()


def attach(shell: Any) -> Attached:
    """Set up display and output routing in that shell, once."""
    found: Attached | None = getattr(shell, _ATTRIBUTE, None)
    if found is None:
        found = Attached(shell)
        setattr(shell, _ATTRIBUTE, found)
    return found


def attach_running_shell() -> None:
    """Call `attach` for the running shell, if there is one. Never raises, because an import of zefnb calls it."""
    ipython = sys.modules.get("IPython")
    try:
        shell = ipython.get_ipython() if ipython is not None else None
        if shell is not None:
            attach(shell)
    except Exception as error:
        print(f"zefnb: display and output routing are off: {type(error).__name__}: {error}", file=sys.stderr)


def load(shell: Any) -> None:
    """Load the extension, for `%load_ext zefnb`."""
    attach(shell).load()


def unload(shell: Any) -> None:
    """Unload the extension, for `%unload_ext zefnb`."""
    found = getattr(shell, _ATTRIBUTE, None)
    if found is not None:
        delattr(shell, _ATTRIBUTE)
        found.detach()
