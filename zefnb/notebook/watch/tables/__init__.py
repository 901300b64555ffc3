"""The live tables: one file for each kind of row, which has the name of the table and a `watch.table.Table` as `TABLE`.

A file defines the rows, their columns and the actions on a row. It draws nothing.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zefnb.notebook.watch.table import Table


def table_names() -> list[str]:
    """Return the names of all tables, beginning with the table of clients.

    >>> table_names()[0]
    'clients'
    """
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return sorted(names, key=lambda name: name != "clients")


def table_named(name: str) -> Table[Any]:
    """Return the table of that name, which must be one of `table_names()`."""
    found: Table[Any] = import_module(f"{__name__}.{name}").TABLE
    return found
