"""Databases on disk, for the tests: opening, closing, and another program that has one open."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from zefnb import FX, DictDatabase, run
from zefnb.store.store import OPEN


def opened(path: Path | str, **fields: Any) -> Any:
    return FX.CreateDB(type=DictDatabase, persistence="local_disk", path=path, **fields) | run


def closed(db: Any) -> None:
    FX.CloseDB(db=db) | run


def store_of(db: Any) -> Any:
    return OPEN[db._uid]


def script(body: str, path: Path, *args: object) -> list[str]:
    """The command for a Python that has `path` open as `db`, before `body`."""
    head = (
        "import sys\nfrom zefnb import *\n"
        "db = FX.CreateDB(type=DictDatabase, persistence='local_disk', path=sys.argv[1]) | run\n"
    )
    return [sys.executable, "-c", head + body, str(path), *map(str, args)]
