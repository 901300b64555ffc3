"""The effect that rehearses a recording."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zefnb.core.effect import FX, Effect, effect
from zefnb.core.record import fields_of
from zefnb.core.types import Matcher
from zefnb.effects.recording import RecordingType
from zefnb.errors import FieldError, InvalidEffect, UsageError

if TYPE_CHECKING:
    from zefnb.engine.runtime import Runtime
    from zefnb.rehearsal.difference import Differences
    from zefnb.rehearsal.rehearsal import Rehearsal

    StartActorType = Effect
else:

    class _StartActorType:
        """The pattern that matches `FX.StartActor`, which is not registered yet when this module is imported."""

        def __pattern__(self) -> Matcher:
            return Matcher(by_type=None, test=lambda value: isinstance(value, FX.StartActor))

        def __repr__(self) -> str:
            return "FX.StartActor(initial_state=..., rules={...})"

    StartActorType = _StartActorType()


@effect("Rehearse")
async def rehearse(
    runtime: Runtime, *, recording: RecordingType, actor: StartActorType, path: str | None = None, all: bool = False
) -> Differences:
    """Handle the messages of a recording again with other rules, without any effect, and compare the results.

    Each recorded connection starts with the initial state and handles its messages in the recorded order. The effects,
    the next state and the exception of each handler are compared with the recorded ones. Uids that differ from run to
    run are equal if they have the same places.

    A result that differs is repeated once. If the second run gives another result, the handler depends on the clock,
    on randomness or the like. Such results, and those of handlers that read a database or perform effects themselves,
    may differ for that reason alone: they are in `unsure`, and `notes` names the handlers. In a rehearsal, `run` and
    `await` raise `NotPerformed` in a handler, and databases can only be read.

    Args:
        recording: The recording, of the clients of a server or of topics. Without recorded results nothing is
            compared, and `notes` has that.
        actor: `FX.StartActor(initial_state=..., rules={...})` with the rules to rehearse.
        path: The path of a route, to rehearse only its connections. Default: all whose route has an actor.
        all: Whether equal results are returned, too (default false).

    Returns:
        A sequence of the differences, which a notebook displays as a table. Each has the fields row, time, kind,
        channel_id, rule, message, before, then, now and what. `only(rule='on_text')` filters them; `connection(3)`
        returns all messages of one connection.

    Raises:
        InvalidEffect: The actor is not an `FX.StartActor`, or its rules are not valid.

    >>> from zefnb import *
    >>> tape = FX.StartRecording(topics=[ET.Topic('room')]) | run
    >>> FX.StopRecording(recording=tape) | run
    ET.Success(rows=0)
    >>> FX.Rehearse(recording=tape, actor=FX.StartActor(initial_state=0, handler=lambda text, n: [[], n + 1])) | run
    <no difference in 0 messages of 0 connections>
    """
    import asyncio

    rehearsal = _prepared(runtime, recording, actor, path)
    running = asyncio.get_running_loop().run_in_executor(None, _run, rehearsal, all)
    try:
        found = await running
    except asyncio.CancelledError:
        rehearsal.stop()
        raise
    assert found is not None
    return found


def _run(rehearsal: Rehearsal, everything: bool) -> Differences | None:
    from zefnb.rehearsal.machine import Stopped

    try:
        return rehearsal.run(everything=everything)
    except Stopped:
        return None


def _prepared(runtime: Runtime, recording: RecordingType, actor: StartActorType, path: str | None) -> Rehearsal:
    from zefnb.core.snapshot import snapshot
    from zefnb.engine.behaviour import compile_behaviour
    from zefnb.rehearsal.feed import Feed
    from zefnb.rehearsal.rehearsal import Rehearsal

    faults: list[FieldError] = []
    fields = fields_of(actor)
    if "initial_state" not in fields:
        faults.append(FieldError("actor.initial_state", "missing", "any value, such as ET.Guest()"))
    try:
        behaviour = compile_behaviour(runtime.journal, **fields) if fields else None
        state = snapshot(fields.get("initial_state"))
    except RecursionError:
        faults.append(FieldError("actor.initial_state", "it is nested too deeply", "a flatter value"))
    except UsageError as error:
        faults += [FieldError(f"actor.{each.field}", each.problem, each.allowed, each.hint) for each in error.faults]
    if faults:
        raise InvalidEffect("FX.Rehearse", faults)
    assert behaviour is not None
    return Rehearsal(runtime, Feed(recording, path), behaviour, state)
