"""The attacks that are short enough for `make test`, in their short form; `make attacks` runs all in full."""

from __future__ import annotations

import pytest

from attacks.__main__ import carry_out
from attacks.attack import Attack
from attacks.cases import find_attacks
from attacks.targets import prepare

QUICK = [attack for attack in find_attacks() if attack.quick]


@pytest.mark.parametrize("attack", QUICK, ids=lambda attack: attack.name)
def test_the_promise_is_kept(attack: Attack, monkeypatch: pytest.MonkeyPatch):
    # The servers run as their users run them, not in the debug mode of the tests' own loops.
    monkeypatch.delenv("PYTHONASYNCIODEBUG", raising=False)
    prepare()
    outcome = carry_out(attack, quick=True)
    assert outcome.ok, f"{attack.promise}: {outcome.figure} {outcome.details}"


def test_there_are_attacks_with_unique_names():
    names = [attack.name for attack in find_attacks()]
    assert QUICK
    assert len(names) == len(set(names))
