"""Values for databases: snapshots of values that do not contain themselves."""

from __future__ import annotations

from typing import Any

from zefnb.core.copy_rules import PLAIN
from zefnb.core.snapshot import snapshot
from zefnb.errors import FieldError, InvalidValue
from zefnb.store.key import key_name


def tree_snapshot(value: Any) -> Any:
    """Return a snapshot of `value`. Raises `InvalidValue` if it contains itself or is nested too deeply."""
    try:
        _refuse_circles(value, ())
        return snapshot(value)
    except RecursionError:
        problem = "it contains itself, or is nested too deeply"
        raise InvalidValue("DictDatabase", [FieldError("value", problem)]) from None


def named_refusal(key: Any, refused: InvalidValue) -> InvalidValue:
    """Return the same error with the key of the value."""
    name = f"value of {key_name(key)}"
    return InvalidValue("DictDatabase", [FieldError(name, f.problem, f.allowed, f.hint) for f in refused.faults])


def _refuse_circles(value: Any, around: tuple[int, ...]) -> None:
    if not isinstance(value, dict | list | tuple):
        return
    if id(value) in around:
        raise RecursionError
    around = (*around, id(value))
    for item in value.values() if isinstance(value, dict) else value:
        if type(item) not in PLAIN:
            _refuse_circles(item, around)
