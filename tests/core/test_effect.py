"""Effects: a function's signature is the schema; building checks the fields, running checks that none is missing."""

from __future__ import annotations

import asyncio
import copy
import inspect
import pickle
from collections.abc import Iterator
from typing import Any

import pytest

from zefnb.core import effect as effect_module
from zefnb.core.effect import DEFAULT_REGISTRY, FX, Registry, effect
from zefnb.core.entity import ET, Topic
from zefnb.core.op import collect
from zefnb.core.record import replaced
from zefnb.core.types import match
from zefnb.errors import InvalidEffect, InvalidValue, UnknownName
from zefnb.ops import F, identity


@pytest.fixture(autouse=True)
def declared() -> Iterator[None]:
    @effect("RingBell")
    def ring_bell(runtime: Any, *, target: Topic, times: int = 1, tone: str | None = None) -> None:
        """Ring the bell `times` times."""

    @effect("Await", keyed="waiter")
    async def wait(runtime: Any, *, cls: Any = None, seconds: float) -> None:
        """Wait."""

    yield
    del DEFAULT_REGISTRY.specs["RingBell"], DEFAULT_REGISTRY.specs["Await"]


def test_an_effect_is_a_value():
    ring = FX.RingBell(target=ET.Topic("door"), times=2)
    assert ring == FX.RingBell(times=2, target=ET.Topic("door"))
    assert hash(ring) == hash(FX.RingBell(times=2, target=ET.Topic("door")))
    assert ring != FX.RingBell(target=ET.Topic("door"))
    assert ring.times == 2
    assert isinstance(ring, FX.RingBell)


def test_an_error_lists_all_mistakes_with_the_names_that_were_probably_meant():
    with pytest.raises(InvalidEffect) as caught:
        FX.RingBell(target="door", tims=2)
    assert [fault.field for fault in caught.value.faults] == ["target", "tims"]
    text = str(caught.value)
    assert text.startswith("FX.RingBell: 2 faults")
    assert "target: got 'door' (str); allowed: ET.Topic" in text
    assert "did you mean 'times'?" in text


def test_field_types_are_those_of_the_signature():
    FX.RingBell(tone="high")
    FX.RingBell(tone=None)
    FX.Await(seconds=1)
    for fields in ({"tone": 5}, {"times": "2"}, {"times": True}, {"times": 1.5}):
        with pytest.raises(InvalidEffect):
            FX.RingBell(**fields)


def test_an_incomplete_effect_can_be_built_and_lists_its_missing_fields():
    template = FX.RingBell(times=2)
    spec = DEFAULT_REGISTRY.spec("RingBell")
    assert [fault.field for fault in spec.missing({"times": 2})] == ["target"]
    assert spec.missing({"target": ET.Topic("door")}) == []
    assert replaced(template, target=ET.Topic("door")) == FX.RingBell(times=2, target=ET.Topic("door"))


def test_a_copy_with_changes_is_checked_like_a_new_effect():
    with pytest.raises(InvalidEffect, match="times"):
        replaced(FX.RingBell(), times="two")
    with pytest.raises(InvalidEffect, match="volume"):
        replaced(FX.RingBell(), volume=2)


def test_fields_are_given_by_name():
    with pytest.raises(InvalidEffect, match="fields: target, times, tone"):
        FX.RingBell(ET.Topic("door"))


def test_a_field_can_be_named_cls():
    assert FX.Await(cls=5).cls == 5


def test_an_unknown_effect_raises_and_suggests_the_closest_name():
    with pytest.raises(UnknownName, match=r"FX\.RingBel: unknown effect.*did you mean 'RingBell'"):
        FX.RingBel()
    assert not hasattr(FX, "NothingLikeThis")
    assert not hasattr(FX, "_repr_html_")


def test_completion_lists_effects_and_fields():
    assert {"RingBell", "Await"} <= set(dir(FX))
    assert list(inspect.signature(FX.RingBell).parameters) == ["target", "times", "tone"]
    assert dir(FX.RingBell(times=2)) == ["times"]


def test_the_docstring_of_the_function_is_the_effect_s_help():
    assert FX.RingBell.__doc__ == "Ring the bell `times` times."
    assert inspect.getdoc(FX.RingBell) == "Ring the bell `times` times."
    assert isinstance(effect_module.Effect.__doc__, str)


def test_a_spec_says_whether_the_effect_is_awaited_and_what_it_replaces():
    spec = DEFAULT_REGISTRY.spec("Await")
    assert (spec.is_async, spec.keyed) == (True, "waiter")
    assert not DEFAULT_REGISTRY.spec("RingBell").is_async


def test_repr_evaluates_back():
    ring = FX.RingBell(target=ET.Topic("door"), times=2)
    assert repr(ring) == "FX.RingBell(target=ET.Topic('door'), times=2)"
    assert eval(repr(ring), {"FX": FX, "ET": ET}) == ring
    assert repr(FX.RingBell) == "FX.RingBell"
    assert repr(FX) == "FX"


def test_effects_and_their_types_pickle_and_copy():
    ring = FX.RingBell(target=ET.Topic("door"))
    assert pickle.loads(pickle.dumps(ring)) == ring
    assert copy.deepcopy(ring) == ring
    assert pickle.loads(pickle.dumps(FX.RingBell)) is FX.RingBell
    assert pickle.loads(pickle.dumps(FX)) is FX


def test_an_effect_type_is_a_pattern():
    assert match(FX.RingBell, FX.RingBell())
    assert not match(FX.RingBell, FX.Await())
    assert match(FX.RingBell(times=2), FX.RingBell(times=2))


def test_a_chain_accepts_an_effect_as_its_value():
    assert FX.RingBell(times=2) | identity | F.times | collect == 2


@pytest.mark.parametrize("rebound", [5, "text", None, len, {}])
def test_piping_an_effect_into_a_function_that_performs_nothing_raises(rebound):
    with pytest.raises(InvalidEffect, match="was `run` given another value"):
        FX.RingBell() | rebound


def test_replacing_an_effect_in_a_registry_does_not_change_the_original():
    rung = []
    mine = DEFAULT_REGISTRY.replacing(RingBell=lambda runtime, *, target, times=1: rung.append(times))
    mine.spec("RingBell").function(None, target=None, times=3)
    assert rung == [3]
    assert list(mine.spec("RingBell").fields) == ["target", "times"]
    assert list(DEFAULT_REGISTRY.spec("RingBell").fields) == ["target", "times", "tone"]
    assert mine.spec("Await") is DEFAULT_REGISTRY.spec("Await")


def test_an_effect_declared_in_a_separate_registry_exists_only_there():
    mine = Registry()

    @effect("OnlyMine", registry=mine)
    def only_mine(runtime: Any) -> None: ...

    assert mine.spec("OnlyMine").fields == {}
    with pytest.raises(UnknownName):
        FX.OnlyMine()


def test_the_engine_makes_effects_awaitable_and_without_it_awaiting_raises(monkeypatch):
    async def awaited() -> Any:
        return await FX.RingBell(times=2)

    monkeypatch.setattr(effect_module, "_awaiter", None)
    with pytest.raises(InvalidEffect, match="no engine"):
        asyncio.run(awaited())

    async def engine(ring: Any) -> Any:
        return ring.times

    effect_module.set_awaiter(engine)
    assert asyncio.run(awaited()) == 2


def test_copies_with_underscore_fields_raise_too():
    with pytest.raises(InvalidValue, match="underscore"):
        replaced(FX.RingBell(), _uid="x")
