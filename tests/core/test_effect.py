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
    @effect("RingWaker")
    def ring_bell(runtime: Any, *, target: Topic, times: int = 1, tone: str | None = None) -> None:
        """Ring `times` times."""

    @effect("Await", keyed="waiter")
    async def wait(runtime: Any, *, cls: Any = None, seconds: float) -> None:
        """Wait."""

    yield
    del DEFAULT_REGISTRY.specs["RingWaker"], DEFAULT_REGISTRY.specs["Await"]


def test_an_effect_is_a_value():
    ring = FX.RingWaker(target=ET.Topic("door"), times=2)
    assert ring == FX.RingWaker(times=2, target=ET.Topic("door"))
    assert hash(ring) == hash(FX.RingWaker(times=2, target=ET.Topic("door")))
    assert ring != FX.RingWaker(target=ET.Topic("door"))
    assert ring.times == 2
    assert isinstance(ring, FX.RingWaker)


def test_an_error_lists_all_mistakes_with_the_names_that_were_probably_meant():
    with pytest.raises(InvalidEffect) as caught:
        FX.RingWaker(target="door", tims=2)
    assert [fault.field for fault in caught.value.faults] == ["target", "tims"]
    text = str(caught.value)
    assert text.startswith("FX.RingWaker: 2 faults")
    assert "target: got 'door' (str); allowed: ET.Topic" in text
    assert "did you mean 'times'?" in text


def test_field_types_are_those_of_the_signature():
    FX.RingWaker(tone="high")
    FX.RingWaker(tone=None)
    FX.Await(seconds=1)
    for fields in ({"tone": 5}, {"times": "2"}, {"times": True}, {"times": 1.5}):
        with pytest.raises(InvalidEffect):
            FX.RingWaker(**fields)


def test_an_incomplete_effect_can_be_built_and_lists_its_missing_fields():
    template = FX.RingWaker(times=2)
    spec = DEFAULT_REGISTRY.spec("RingWaker")
    assert [fault.field for fault in spec.missing({"times": 2})] == ["target"]
    assert spec.missing({"target": ET.Topic("door")}) == []
    assert replaced(template, target=ET.Topic("door")) == FX.RingWaker(times=2, target=ET.Topic("door"))


def test_a_copy_with_changes_is_checked_like_a_new_effect():
    with pytest.raises(InvalidEffect, match="times"):
        replaced(FX.RingWaker(), times="two")
    with pytest.raises(InvalidEffect, match="volume"):
        replaced(FX.RingWaker(), volume=2)


def test_fields_are_given_by_name():
    with pytest.raises(InvalidEffect, match="fields: target, times, tone"):
        FX.RingWaker(ET.Topic("door"))


def test_a_field_can_be_named_cls():
    assert FX.Await(cls=5).cls == 5


def test_an_unknown_effect_raises_and_suggests_the_closest_name():
    with pytest.raises(UnknownName, match=r"FX\.RingBel: unknown effect.*did you mean 'RingWaker'"):
        FX.RingBel()
    assert not hasattr(FX, "NothingLikeThis")
    assert not hasattr(FX, "_repr_html_")


def test_completion_lists_effects_and_fields():
    assert {"RingWaker", "Await"} <= set(dir(FX))
    assert list(inspect.signature(FX.RingWaker).parameters) == ["target", "times", "tone"]
    assert dir(FX.RingWaker(times=2)) == ["times"]


def test_the_docstring_of_the_function_is_the_effect_s_help():
    assert FX.RingWaker.__doc__ == "Ring `times` times."
    assert inspect.getdoc(FX.RingWaker) == "Ring `times` times."
    assert isinstance(effect_module.Effect.__doc__, str)


def test_a_spec_says_whether_the_effect_is_awaited_and_what_it_replaces():
    spec = DEFAULT_REGISTRY.spec("Await")
    assert (spec.is_async, spec.keyed) == (True, "waiter")
    assert not DEFAULT_REGISTRY.spec("RingWaker").is_async


def test_repr_evaluates_back():
    ring = FX.RingWaker(target=ET.Topic("door"), times=2)
    assert repr(ring) == "FX.RingWaker(target=ET.Topic('door'), times=2)"
    assert eval(repr(ring), {"FX": FX, "ET": ET}) == ring
    assert repr(FX.RingWaker) == "FX.RingWaker"
    assert repr(FX) == "FX"


def test_effects_and_their_types_pickle_and_copy():
    ring = FX.RingWaker(target=ET.Topic("door"))
    assert pickle.loads(pickle.dumps(ring)) == ring
    assert copy.deepcopy(ring) == ring
    assert pickle.loads(pickle.dumps(FX.RingWaker)) is FX.RingWaker
    assert pickle.loads(pickle.dumps(FX)) is FX


def test_an_effect_type_is_a_pattern():
    assert match(FX.RingWaker, FX.RingWaker())
    assert not match(FX.RingWaker, FX.Await())
    assert match(FX.RingWaker(times=2), FX.RingWaker(times=2))


def test_a_chain_accepts_an_effect_as_its_value():
    assert FX.RingWaker(times=2) | identity | F.times | collect == 2


@pytest.mark.parametrize("rebound", [5, "text", None, len, {}])
def test_piping_an_effect_into_a_function_that_performs_nothing_raises(rebound):
    with pytest.raises(InvalidEffect, match="was `run` given another value"):
        FX.RingWaker() | rebound


def test_replacing_an_effect_in_a_registry_does_not_change_the_original():
    rung = []
    mine = DEFAULT_REGISTRY.replacing(RingWaker=lambda runtime, *, target, times=1: rung.append(times))
    mine.spec("RingWaker").function(None, target=None, times=3)
    assert rung == [3]
    assert list(mine.spec("RingWaker").fields) == ["target", "times"]
    assert list(DEFAULT_REGISTRY.spec("RingWaker").fields) == ["target", "times", "tone"]
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
        return await FX.RingWaker(times=2)

    monkeypatch.setattr(effect_module, "_awaiter", None)
    with pytest.raises(InvalidEffect, match="no engine"):
        asyncio.run(awaited())

    async def engine(ring: Any) -> Any:
        return ring.times

    effect_module.set_awaiter(engine)
    assert asyncio.run(awaited()) == 2


def test_copies_with_underscore_fields_raise_too():
    with pytest.raises(InvalidValue, match="underscore"):
        replaced(FX.RingWaker(), _uid="x")
