"""Full garbage collections are rarer during a rehearsal, and as before after it."""

from __future__ import annotations

import gc

import pytest

from tests.rehearsal.made import recorded
from zefnb import FX, run
from zefnb.rehearsal.garbage import rarer_collections

pytestmark = pytest.mark.skipif(not gc.get_threshold()[2], reason="this Python collects in small steps")


@pytest.fixture(autouse=True)
def thresholds():
    before = gc.get_threshold()
    yield before
    gc.set_threshold(*before)


def test_they_are_rarer_in_handlers_and_as_before_afterwards(clean, thresholds):
    seen = []

    def handler(text, state):
        seen.append(gc.get_threshold())
        return [[], state]

    tape = recorded(FX.StartActor(initial_state=0, handler=lambda text, state: [[], state]), [(1, "one")])
    FX.Rehearse(recording=tape, actor=FX.StartActor(initial_state=0, handler=handler)) | run
    assert set(seen) == {(*thresholds[:2], 1_000)}
    assert gc.get_threshold() == thresholds


def test_two_rehearsals_at_once_share_the_change(thresholds):
    first, second = rarer_collections(), rarer_collections()
    with first:
        with second:
            pass
        assert gc.get_threshold()[2] == 1_000
    assert gc.get_threshold() == thresholds


@pytest.mark.parametrize("own", [(500, 5, 0), (500, 5, 5_000)])
def test_no_more_than_the_user_wants(own):
    gc.set_threshold(*own)
    with rarer_collections():
        assert gc.get_threshold() == own
    assert gc.get_threshold() == own


def test_a_change_by_other_code_stays():
    with rarer_collections():
        gc.set_threshold(500, 5, 20)
    assert gc.get_threshold() == (500, 5, 20)
