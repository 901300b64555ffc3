"""The table of the actors that do not belong to a connection."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

from zefnb.core.effect import FX
from zefnb.engine.actor import Actor
from zefnb.engine.perform import perform
from zefnb.engine.runtime import Runtime
from zefnb.notebook.display.columns import Column, count_text
from zefnb.notebook.overview import brief, input_names, own_actors
from zefnb.notebook.watch.requests import Request
from zefnb.notebook.watch.table import Action, RowDetails, Table


def actor_facts(actor: Actor) -> list[str]:
    """Return the facts on an actor apart from its state."""
    facts = [f"actor handled {actor.handled:,}, {len(actor.mailbox):,} waiting"]
    facts += [count_text(actor.faults, "fault")] if actor.faults else []
    return [*facts, f"{count_text(actor.unmatched, 'message')} without a rule"] if actor.unmatched else facts


class ActorDetails(RowDetails):
    """The details of an actor: its state."""

    def __init__(self, actor: Actor) -> None:
        self._actor = self.actor = actor

    def facts(self) -> Sequence[str]:
        return [*actor_facts(self._actor), *([] if self.is_open else ["stopped"])]

    @property
    def is_open(self) -> bool:
        return not self._actor.ended


def _stop(runtime: Runtime, actor: Actor, request: Request) -> str:
    perform(runtime, FX.StopActor(actor=actor.handle))
    return f"stopped {actor.handle!r}"


class Actors(Table[Actor]):
    """The table of the actors without a connection. Actors of connections are among the details of their clients."""

    noun = "actor"
    empty = "no actor is running"
    has_state = True
    columns = (
        Column("uid", "actor", "uid", lambda row: row.handle._uid, fixed=True, width=96, keep=10),
        Column("input", "input", "uid", lambda row: input_names(row), fixed=True, width=90, grow=1, keep=9),
        Column("handled", "handled", "number", width=64, keep=8),
        Column("rate", "per second", "rate", lambda row: row.handled, width=108, keep=6),
        Column("waiting", "waiting", "number", lambda row: len(row.mailbox), width=60, keep=7, highlight_above=1_000),
        Column("faults", "faults", "number", width=52, keep=7, highlight_above=0),
        Column("unmatched", "unmatched", "number", width=76, keep=4),
        Column("state", "state", "code", lambda row: brief(row.state), width=120, grow=3, keep=8),
    )
    actions = (Action("stop", "Stop actor", _stop, question="Really stop?"),)

    def rows(self, runtime: Runtime) -> Iterable[Actor]:
        return own_actors(runtime)

    def key(self, row: Actor) -> Hashable:
        return row.handle._uid

    def title(self, row: Actor) -> str:
        return f"Actor of {input_names(row)}"

    def is_there(self, row: Actor) -> bool:
        return not row.ended

    def details(self, runtime: Runtime, row: Actor) -> RowDetails:
        return ActorDetails(row)


TABLE = Actors()
