"""The effects on actors: invalid fields, and results. `tests/engine` tests the actors themselves."""

from __future__ import annotations

import pytest

from zefnb import ET, FX, Any, generate_uid, run
from zefnb.errors import InvalidEffect, NotRunning

pytestmark = pytest.mark.also_joined


def take(msg, state):
    return [[], state]


def refusal(**fields):
    with pytest.raises(InvalidEffect) as caught:
        FX.StartActor(**{"initial_state": 0, **fields}) | run
    assert FX.ListActors() | run == []
    return caught.value


def test_an_actor_has_either_rules_or_a_handler():
    for fields in ({}, {"rules": {(Any, Any): take}, "handler": take}):
        [fault] = refusal(**fields).faults
        assert (fault.field, fault.allowed) == ("rules", "exactly one of the two")


@pytest.mark.parametrize(
    ("rules", "problem"),
    [
        ({Any: take}, "a pair (message pattern, state pattern)"),
        ({(Any, Any, Any): take}, "a pair (message pattern, state pattern)"),
        ({(Any, Any): "take"}, "a function, an op or any callable"),
        ([(Any, Any, take)], "((message, state), handler)"),
        ({(Any, Any): lambda a, b, c, d: None}, "f(input), f(msg, state) or f(msg, state, context)"),
        ({(Any, Any): lambda: None}, "f(input), f(msg, state) or f(msg, state, context)"),
    ],
)
def test_rules_that_can_never_work_are_refused_at_the_start(rules, problem):
    assert problem in str(refusal(rules=rules))


@pytest.mark.parametrize("wrong", ["take", 5])
@pytest.mark.parametrize("field", ["handler", "input_transform"])
def test_an_object_that_is_not_callable_raises_when_built(field, wrong):
    with pytest.raises(InvalidEffect, match=field):
        FX.StartActor(initial_state=0, **{field: wrong})


def test_input_must_be_a_topic_with_a_name():
    with pytest.raises(InvalidEffect, match="input"):
        FX.StartActor(initial_state=0, handler=take, input="chat")
    with pytest.raises(InvalidEffect, match=r"input: got ET\.Topic\(\)"):
        FX.StartActor(initial_state=0, handler=take, input=ET.Topic()) | run
    assert FX.ListActors() | run == []


def test_it_returns_a_handle_with_the_given_topic_or_a_new_one():
    topic = ET.Topic("inbox")
    given = FX.StartActor(initial_state=0, handler=take, input=topic) | run
    fresh = [FX.StartActor(initial_state=0, handler=take) | run for _ in range(2)]
    assert given.input == topic
    assert len({given, *fresh}) == len({topic, *(actor.input for actor in fresh)}) == 3
    assert FX.ListActors() | run == [given, *fresh]


def test_it_receives_the_messages_of_several_topics_in_the_order_of_publishing(until):
    a, b = ET.Topic("a"), ET.Topic("b")
    actor = FX.StartActor(initial_state=(), handler=lambda msg, seen: [[], (*seen, msg)], input=[a, b, a]) | run
    assert actor.input == [a, b]
    for topic, message in ((a, 1), (b, 2), (a, 3)):
        FX.Publish(target=topic, content=message) | run
    until(lambda: (FX.QueryActorState(actor=actor) | run)[actor] == (1, 2, 3))
    FX.StopActor(actor=actor) | run
    assert FX.StreamGraphSnapshot() | run == []


def test_a_list_of_inputs_contains_topics():
    with pytest.raises(InvalidEffect, match="input: got no topic"):
        FX.StartActor(initial_state=0, handler=take, input=[]) | run
    with pytest.raises(InvalidEffect, match="input"):
        FX.StartActor(initial_state=0, handler=take, input=["chat"])


def test_a_handle_of_another_process_can_be_stopped_but_not_queried():
    stranger = ET.Actor(generate_uid())
    assert FX.StopActor(actor=stranger) | run == ET.Success()
    with pytest.raises(NotRunning, match="belongs to another process"):
        FX.QueryActorState(actor=stranger) | run
    with pytest.raises(InvalidEffect, match="one of the two"):
        FX.QueryActorState(actor=stranger, actors=[stranger]) | run
