"""Fields that routes and outward clients share: topics, and the actor of a connection."""

from __future__ import annotations

from typing import Any

from zefnb.core.effect import FX
from zefnb.core.entity import Entity, Topic
from zefnb.core.record import fields_of
from zefnb.core.snapshot import snapshot
from zefnb.engine.behaviour import compile_behaviour
from zefnb.engine.journal import Journal
from zefnb.errors import FieldError, UsageError, shown


def check_topics(where: str, given: Any, faults: list[FieldError]) -> tuple[Entity, ...]:
    """The topics in `given`, one or a list. Adds mistakes to `faults`."""
    if given is None:
        return ()
    items = [given] if isinstance(given, Entity | str) else given
    if not isinstance(items, list | tuple | set | frozenset):
        faults.append(FieldError(where, f"got {shown(given)}", "a list of topics"))
        return ()
    for item in items:
        if not isinstance(item, Topic) or item._uid is None:
            hint = f"write ET.Topic({item!r})" if isinstance(item, str) else ""
            faults.append(FieldError(where, f"got {shown(item)}", "ET.Topic('name') or ET.Topic(generate_uid())", hint))
    return tuple(dict.fromkeys(item for item in items if isinstance(item, Topic)))


def check_topic(where: str, given: Any, faults: list[FieldError]) -> Entity | None:
    """The topic in `given`, or `None`. Adds mistakes to `faults`."""
    if isinstance(given, list | tuple | set | frozenset):
        faults.append(FieldError(where, f"got {shown(given)}", "one topic"))
        return None
    return next(iter(check_topics(where, given, faults)), None)


def check_actor(where: str, given: Any, journal: Journal, faults: list[FieldError]) -> tuple[Any, Any]:
    """The behaviour and initial state of `given`, an `FX.StartActor`. Adds mistakes to `faults`."""
    if given is None:
        return None, None
    if not isinstance(given, FX.StartActor):
        hint = "each connection gets an actor of its own, so the effect is given, not a handle that runs"
        faults.append(FieldError(where, f"got {shown(given)}", "FX.StartActor(initial_state=..., rules={...})", hint))
        return None, None
    fields = fields_of(given)
    if "initial_state" not in fields:
        faults.append(FieldError(f"{where}.initial_state", "missing", "any value, such as ET.Guest()"))
    if "input" in fields:
        faults.append(FieldError(f"{where}.input", "the input of a connection's actor is the connection", "no input"))
    try:
        return compile_behaviour(journal, **fields), snapshot(fields.get("initial_state"))
    except RecursionError:
        faults.append(
            FieldError(f"{where}.initial_state", "it is nested too deeply", "a flatter value, or a DictDatabase")
        )
        return None, None
    except UsageError as error:
        faults.extend(
            FieldError(f"{where}.{fault.field}", fault.problem, fault.allowed, fault.hint) for fault in error.faults
        )
        return None, None
