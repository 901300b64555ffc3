"""Values as databases take them: snapshots of what does not contain itself."""

from __future__ import annotations

from typing import Any

from zefnb.core.lasting import PLAIN
from zefnb.core.snapshot import snapshot
from zefnb.errors import FieldError, InvalidValue
from zefnb.store.key import key_name


def tree_snapshot(value: Any) -> Any:
    """A snapshot of `value`; `InvalidValue` for a dict or a list that contains itself, or is nested too deeply."""
    try:
        _refuse_circles(value, ())
        return snapshot(value)
    except RecursionError:
        problem = "it contains itself, or is nested too deeply"
        raise InvalidValue("DictDatabase", [FieldError("value", problem)]) from None


def named_refusal(key: Any, refused: InvalidValue) -> InvalidValue:
    """The same, with the key that the value was to be kept under."""
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
