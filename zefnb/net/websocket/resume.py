"""The field `resume` of a route: for how long, and for how many bytes, a client can come back and miss nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zefnb.core.entity import ET, Entity
from zefnb.core.frozen import Frozen
from zefnb.core.record import fields_of
from zefnb.core.shapes import SHAPES
from zefnb.errors import FieldError, shown

# The defaults, and the most that a route can have.
SECONDS, MOST_SECONDS = 60.0, 86_400.0
BYTES, MOST_BYTES = 1 << 20, 64 << 20


class Resume(Frozen):
    """An `ET.Resume` that has been checked. Without seconds, sessions end with their connections."""

    seconds: float = SECONDS
    bytes: int = BYTES


DEFAULT = Resume()
OFF = Resume(0.0, 0)


def check_resume(where: str, given: Any, faults: list[FieldError]) -> Resume:
    """The `resume` of a route: an `ET.Resume`, a dict, or False; adds mistakes to `faults`.

    >>> check_resume("resume", {"seconds": 300}, [])
    Resume(seconds=300, bytes=1048576)
    """
    if given is True:
        return DEFAULT
    if given is False or (type(given) in (int, float) and given == 0):
        return OFF
    original = given
    if isinstance(given, Entity):
        given = fields_of(given) if type(given) is ET.Resume else None
    if not isinstance(given, Mapping):
        allowed = "ET.Resume(seconds=60, bytes=1 << 20), a dict of these fields, or False"
        faults.append(FieldError(where, f"got {shown(original)}", allowed))
        return DEFAULT
    before = len(faults)
    faults.extend(SHAPES["Resume"].unknown(where, given))
    checks: dict[str, tuple[Any, str]] = {
        "seconds": (
            lambda v: type(v) in (int, float) and 0 <= v <= MOST_SECONDS,
            f"0 to {MOST_SECONDS:,.0f} seconds in which a client can come back",
        ),
        "bytes": (
            lambda v: type(v) is int and 0 <= v <= MOST_BYTES,
            f"0 to {MOST_BYTES >> 20} << 20 bytes of messages that wait for it",
        ),
    }
    for name, (fits, allowed) in checks.items():
        if name in given and not fits(given[name]):
            faults.append(FieldError(f"{where}.{name}", f"got {shown(given[name])}", allowed))
    return Resume(**given) if len(faults) == before else DEFAULT
