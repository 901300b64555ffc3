"""CellRegistry: what a later execution of the same cell replaces, and what it never does."""

from __future__ import annotations

import contextvars

import pytest

from zefnb import ET
from zefnb.core.execution import Identity
from zefnb.engine.cells import CellRegistry, current_identity, current_notices, current_owner

PLACE = ("cell", "timer", 0)


@pytest.fixture
def things():
    return CellRegistry()


def running(cell_execution, do, owner=None):
    """Return the result of `do` while that execution of the cell (or an actor in its context) performs an effect."""

    def inside():
        current_identity.set(Identity(PLACE, cell_execution) if cell_execution else None)
        current_owner.set(owner)
        return do()

    return contextvars.copy_context().run(inside)


class AnActor:
    server = None
    handle = ET.Actor("somebody")


def test_a_later_execution_finds_the_object_that_an_earlier_one_made_in_its_place(things):
    running("first", lambda: things.record(ET.Timer("old")))
    assert running("second", things.previous) == ET.Timer("old")
    running("second", lambda: things.record(ET.Timer("new")))
    assert running("third", things.previous) == ET.Timer("new")


def test_one_execution_never_finds_its_own_objects(things):
    running("first", lambda: things.record(ET.Timer("old")))
    assert running("first", things.previous) is None


def test_without_a_cell_nothing_is_recorded(things):
    running(None, lambda: things.record(ET.Timer("old")))
    assert running(None, things.previous) is None
    assert running("later", things.previous) is None


def test_an_actor_that_runs_in_the_context_of_its_servers_cell_is_not_that_cell(things):
    running("first", lambda: things.record(ET.Timer("the cell's")))
    assert running("second", things.previous, owner=AnActor) is None
    running("second", lambda: things.record(ET.Timer("the actor's")), owner=AnActor)
    assert running("third", things.previous) == ET.Timer("the cell's")


def test_an_ended_object_is_forgotten(things):
    running("first", lambda: things.record(ET.Timer("old")))
    things.forget(ET.Timer("another"))
    assert running("second", things.previous) == ET.Timer("old")
    things.forget(ET.Timer("old"))
    assert running("second", things.previous) is None


def test_a_replacement_is_reported_only_in_the_cell_that_made_it(things):
    notices = []

    def replace():
        current_notices.set(notices)
        things.replaced("the timer")

    contextvars.copy_context().run(replace)
    things.replaced("what nobody asked about")
    assert notices == ["replaced the timer"]
