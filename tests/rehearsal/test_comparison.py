"""The comparison of outcomes: records are the same only with the same fields."""

from __future__ import annotations

import pytest

from zefnb import ET
from zefnb.recording.outcome import Outcome
from zefnb.rehearsal.comparison import differing
from zefnb.rehearsal.uids import Uids


@pytest.mark.parametrize(
    ("then", "now"),
    [
        (ET.Vote(seats=1), ET.Vote(votes=1)),
        (ET.Vote(seats={"votes": 1}), ET.Vote(votes=1)),
        (ET.Vote(seats=1), ET.Vote(seats=1, votes=1)),
        (ET.Vote(seats=1), ET.Vote(seats=True)),
    ],
    ids=["another name", "a field that equals the other's fields", "one more", "another type"],
)
def test_records_with_other_fields_differ(then, now):
    assert differing(Outcome((), then, None), Outcome((), now, None), Uids()) == ("state",)
    assert differing(Outcome((), then, None), Outcome((), then, None), Uids()) == ()
