"""`zefnb shell`: IPython with zefnb imported and the extension loaded."""

from __future__ import annotations

from zefnb import __version__


def shell() -> int:
    """Run IPython until the user exits."""
    from IPython import start_ipython
    from IPython.terminal.interactiveshell import TerminalInteractiveShell
    from traitlets.config import Config

    config = Config()
    config.InteractiveShellApp.exec_lines = ["from zefnb import *", "%load_ext zefnb"]
    banner = (
        f"zefnb {__version__}: FX.<Tab> lists the effects, FX.Publish? shows the help of one, %zef -h the commands.\n"
    )
    config.TerminalInteractiveShell.banner1 = banner
    config.TerminalInteractiveShell.confirm_exit = False
    if "enable_tip" in TerminalInteractiveShell.class_trait_names():  # IPython 9 and later print a second banner line
        config.TerminalInteractiveShell.enable_tip = False
    start_ipython(argv=[], config=config)
    return 0
