"""Values as databases take them: snapshots of what does not contain itself."""

from __future__ import annotations

from typing import Any

from zefnb.core.lasting import PLAIN
from zefnb.core.snapshot import snapshot


def tree_snapshot(value: Any) -> Any:
    """A snapshot of `value`; `RecursionError` for a dict or a list that contains itself, or is nested too deeply."""
    _refuse_circles(value, ())
    return snapshot(value)


def _refuse_circles(value: Any, around: tuple[int, ...]) -> None:
    if not isinstance(value, dict | list | tuple):
        return
    if id(value) in around:
        raise RecursionError
    around = (*around, id(value))
    for item in value.values() if isinstance(value, dict) else value:
        if type(item) not in PLAIN:
            _refuse_circles(item, around)
