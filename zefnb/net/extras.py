"""Extras: packages that only some programs need, which are imported when they are first used."""

from __future__ import annotations

import importlib

from zefnb.errors import NotInstalled


def require(extra: str, *modules: str) -> None:
    """Import the packages of an extra. Raises `NotInstalled`, which names the command that installs them.

    >>> require('https', 'json')
    """
    for module in modules:
        try:
            importlib.import_module(module)
        except ImportError as error:
            if error.name is None or error.name.partition(".")[0] != module.partition(".")[0]:
                raise  # the package is installed, and one that it needs is not, or it is broken
            raise NotInstalled(
                f"this needs the package {module}, which is not installed: pip install 'zefnb[{extra}]'", name=module
            ) from None
