"""The live tables: one file for each kind of row, found here by its name. Each has a `TABLE`, a `watch.table.Table`.

What a file may do: say what runs, its columns, and what one can do with a row. It draws nothing.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zefnb.notebook.watch.table import Table


def table_names() -> list[str]:
    """The names of all tables, the table of clients first.

    >>> table_names()[0]
    'clients'
    """
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return sorted(names, key=lambda name: name != "clients")


def table_named(name: str) -> Table[Any]:
    """The table of that name, which must be one of `table_names()`."""
    found: Table[Any] = import_module(f"{__name__}.{name}").TABLE
    return found
