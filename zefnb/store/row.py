"""Rows: a database as tables of other libraries take it."""

from __future__ import annotations

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """A key and its value."""

    key: Any
    value: Any
