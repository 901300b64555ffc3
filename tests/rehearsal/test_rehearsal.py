"""`FX.Rehearse`: the messages of a recording are handled again by other rules, and the differences are returned."""

from __future__ import annotations

import asyncio
import os
import random
import threading
import time

import pytest

from tests.rehearsal.made import Recording, connected, recorded, started
from zefnb import ET, FX, Any, DictDatabase, String, generate_uid, insert_into, run, zef_function
from zefnb.core.effect import DEFAULT_REGISTRY
from zefnb.engine.perform import run_on
from zefnb.engine.runtime import Runtime
from zefnb.errors import InvalidEffect, InvalidValue

TALK = [(1, "one"), (2, "a"), (1, "two"), (2, "b"), (1, "three")]


def on_connect(msg, state):
    return [[FX.Publish(target=msg.topic_out, content="welcome")], ET.Guest(out=msg.topic_out, n=0)]


def on_text(text, state):
    return [[FX.Publish(target=state.out, content=f"{state.n}: {text}")], ET.Guest(out=state.out, n=state.n + 1)]


def with_text(handler, **fields):
    rules = {
        (ET.WSClientConnected, Any): on_connect,
        (String, ET.Guest): handler,
        (ET.WSClientDisconnected, Any): lambda msg, state: [[], state],
    }
    return started(rules=rules, **fields)


def rehearsed(tape, actor, **fields):
    return FX.Rehearse(recording=tape, actor=actor, **fields) | run


def shown(differences):
    return [(row.row, row.channel_id, row.rule, row.what) for row in differences]


def test_the_same_rules_have_no_difference():
    found = rehearsed(recorded(with_text(on_text), TALK), with_text(on_text))
    assert (len(found), found.messages, found.connections, found.notes) == (0, 9, 2, [])
    assert repr(found) == "<no difference in 9 messages of 2 connections>"


def test_a_changed_handler_has_exactly_the_messages_that_differ():
    def louder(text, state):
        content = f"{state.n}: {text}" + "!" * (text == "two")
        return [[FX.Publish(target=state.out, content=content)], ET.Guest(out=state.out, n=state.n + 1)]

    tape = recorded(with_text(on_text), TALK)
    found = rehearsed(tape, with_text(louder))
    assert shown(found) == [(4, 1, "louder", ("effects",))]
    [row] = found
    assert (row.message, row.then.effects[0].content, row.now.effects[0].content) == ("two", "1: two", "1: two!")
    assert (row.before.n, row.now.state.n, row.time, row.kind) == (1, 2, tape[4].time, "message")


def test_a_different_state_differs_in_each_message_until_it_is_the_same_again():
    def counts_by_two(text, state):
        n = 2 if text == "three" else state.n + 2
        return [[], ET.Guest(out=state.out, n=n)]

    def counts(text, state):
        return [[], ET.Guest(out=state.out, n=2 if text == "three" else state.n + 1)]

    found = rehearsed(recorded(with_text(counts), TALK), with_text(counts_by_two))
    assert [(row.message, row.what) for row in found.only(channel_id=1)] == [("one", ("state",)), ("two", ("state",))]


def test_an_exception_is_a_row_and_so_is_one_that_no_longer_occurs():
    def fails(text, state):
        if text == "b":
            raise ValueError("no b")
        return on_text(text, state)

    row, after = rehearsed(recorded(with_text(on_text), TALK), with_text(fails))
    assert (after.kind, after.what) == ("disconnected", ("state",))
    assert row.what == ("effects", "state", "error")
    assert (row.now.error, row.then.error, row.now.state) == ("ValueError: no b", None, row.before)
    row, _ = rehearsed(recorded(with_text(fails), TALK), with_text(on_text))
    assert (row.then.error, row.now.error) == ("ValueError: no b", None)
    assert not rehearsed(recorded(with_text(fails), TALK), with_text(fails))


def test_a_wrong_result_is_an_exception():
    found = rehearsed(recorded(with_text(on_text), TALK), with_text(lambda text, state: "nothing")).only(kind="message")
    assert all(row.now.error.startswith("InvalidResult: returned 'nothing'") for row in found)
    assert len(found) == 5


def test_a_message_that_no_rule_takes_has_no_effects_and_keeps_the_state():
    without = started(rules={(ET.WSClientConnected, Any): on_connect})
    found = rehearsed(recorded(with_text(on_text), TALK), without)
    assert {(row.rule, row.now.effects, row.now.state is not None) for row in found if row.kind == "message"} == {
        (None, (), True)
    }


def test_equal_numbers_of_other_types_differ():
    def with_content(content):
        return with_text(lambda text, state: [[FX.Publish(target=state.out, content=content)], state])

    assert len(rehearsed(recorded(with_content(1), TALK), with_content(1.0))) == 5
    assert len(rehearsed(recorded(with_content([1, 2]), TALK), with_content([True, 2]))) == 5
    assert not rehearsed(recorded(with_content(float("nan")), TALK), with_content(float("nan")))


def test_uids_that_a_handler_generates_do_not_differ():
    def rooms(text, state):
        room = ET.Topic(generate_uid())
        effects = [
            FX.SubscribeFX(topic=room, op=insert_into(FX.Publish(target=state.out), "content")),
            FX.StartActor(input=room, initial_state={room: [room._uid]}, handler=lambda msg, n: [[], room]),
        ]
        return [effects, ET.Guest(out=state.out, n=state.n + 1, room=room)]

    found = rehearsed(recorded(with_text(rooms), TALK), with_text(rooms))
    assert not found
    assert not found.notes


def test_a_uid_of_the_recording_is_only_equal_to_itself():
    def to_topic_in(msg, state):
        return [[FX.Publish(target=msg.topic_in, content="welcome")], ET.Guest(out=msg.topic_out, n=0)]

    rules = {(ET.WSClientConnected, Any): to_topic_in, (Any, Any): lambda msg, state: [[], state]}
    found = rehearsed(recorded(with_text(on_text), [(1, "x")]), started(rules=rules))
    assert found[0].what == ("effects",)


def test_one_generated_uid_in_place_of_two_differs():
    def two(text, state):
        return [[], ET.Guest(out=state.out, n=0, rooms=[ET.Topic(generate_uid()), ET.Topic(generate_uid())])]

    def one(text, state):
        return [[], ET.Guest(out=state.out, n=0, rooms=[ET.Topic(generate_uid())] * 2)]

    assert len(rehearsed(recorded(with_text(two), TALK), with_text(one)).only(kind="message")) == 5


def test_all_returns_equal_results_too():
    found = rehearsed(recorded(with_text(on_text), TALK), with_text(on_text), all=True)
    assert [row.row for row in found] == list(range(9))
    assert not any(row.what for row in found)
    assert repr(found) == "<no difference in 9 messages of 2 connections>"


def test_async_inline_and_other_handlers_and_each_shape_are_rehearsed():
    async def on_text_async(text, state):
        await asyncio.sleep(0)
        return on_text(text, state)

    inline = zef_function(inline=True)(lambda text, state: on_text(text, state))
    tape = recorded(with_text(on_text), TALK)
    for handler in (
        on_text_async,
        inline,
        lambda both: on_text(*both),
        lambda text, state, context: on_text(text, state),
    ):
        assert not rehearsed(tape, with_text(handler)), handler
    transformed = with_text(on_text, input_transform=lambda msg: msg)
    assert not rehearsed(tape, transformed)


def test_a_handler_receives_its_own_copy_of_the_message_and_the_state():
    def spoils(message, state):
        if isinstance(message, dict):
            message["n"].append(1)
            state.append(message["n"])
        return [[], state]

    tape = recorded(
        started(initial_state=[], handler=lambda m, s: [[], [*s, [*m["n"], 1]] if isinstance(m, dict) else s]),
        [(1, {"n": [0]}), (1, {"n": [2]})],
    )
    assert not rehearsed(tape, started(initial_state=[], handler=spoils))
    assert not rehearsed(tape, started(initial_state=[], handler=spoils))
    assert tape[1].content == {"n": [0]}


def test_no_effect_is_performed():
    def refuse(runtime, **fields):
        raise AssertionError(f"performed with {fields}")

    replaced = {name: refuse for name in DEFAULT_REGISTRY.specs if name != "Rehearse"}
    runtime = Runtime(DEFAULT_REGISTRY.replacing(**replaced))
    monitored = []
    runtime.monitors = (lambda effect, result: monitored.append(repr(type(effect))),)
    try:
        found = run_on(runtime, FX.Rehearse(recording=recorded(with_text(on_text), TALK), actor=with_text(on_text)))
        assert (len(found), found.messages) == (0, 9)
    finally:
        runtime.close()
    assert set(monitored) <= {"FX.Rehearse"}


def test_a_handler_that_performs_effects_itself_is_named_and_nothing_is_performed():
    received = []
    FX.SubscribeFX(topic=ET.Topic("loud"), op=received.append) | run

    def publishes(text, state):
        FX.Publish(target=ET.Topic("loud"), content=text) | run
        return on_text(text, state)

    async def awaits(text, state):
        await FX.Publish(target=ET.Topic("loud"), content=text)
        return on_text(text, state)

    tape = recorded(with_text(on_text), TALK)
    for handler in (publishes, awaits):
        found = rehearsed(tape, with_text(handler))
        assert (len(found), len(found.unsure)) == (0, 5)
        assert found.notes == [
            f"{handler.__name__} runs FX.Publish itself, and a rehearsal performs nothing: 5 results may differ."
        ]
        assert found.unsure[0].now.error.startswith("NotPerformed: FX.Publish")
    FX.Publish(target=ET.Topic("loud"), content="after") | run
    FX.Publish(target=ET.Topic("loud"), content="last") | run
    assert set(received) <= {"after", "last"}


def test_a_handler_that_reads_a_database_is_named_if_its_result_differs(until):
    db = FX.CreateDB(type=DictDatabase, initial_state={"tea": 3}) | run

    def looks_up(text, state):
        return [[FX.Publish(target=state.out, content=db["tea"])], state]

    tape = recorded(with_text(looks_up), TALK)
    assert not rehearsed(tape, with_text(looks_up)).notes
    db["tea"] = 4
    found = rehearsed(tape, with_text(looks_up))
    assert (len(found), len(found.unsure)) == (0, 5)
    assert found.notes[0].startswith("looks_up reads DictDatabase('")
    FX.CloseDB(db=db) | run
    found = rehearsed(tape, with_text(looks_up))
    assert (len(found), len(found.unsure)) == (0, 5)
    assert found.unsure[0].now.error.startswith("NotRunning")
    assert found.notes[0].startswith("looks_up reads DictDatabase('")


def test_a_rehearsal_changes_no_database():
    db = FX.CreateDB(type=DictDatabase, initial_state={"n": 0}) | run

    def counts(text, state):
        db["n"] += 1
        return on_text(text, state)

    tape = recorded(with_text(on_text), TALK)
    found = rehearsed(tape, with_text(counts))
    assert db["n"] == 0
    assert "counts runs a change of DictDatabase" in found.notes[0]
    db["n"] += 1  # outside it can be changed
    assert db["n"] == 1


def test_a_handler_that_depends_on_the_clock_or_on_randomness_is_named():
    def stamps(text, state):
        return [[FX.Publish(target=state.out, content=time.perf_counter_ns())], state]

    def rolls(text, state):
        return [[FX.Publish(target=state.out, content=random.random())], state]

    for handler, name in ((stamps, "time.perf_counter_ns()"), (rolls, "random.random()")):
        found = rehearsed(recorded(with_text(handler), TALK), with_text(handler))
        assert (len(found), len(found.unsure)) == (0, 0)
        uses = f"{handler.__name__} uses {name}, and a second run gave another result"
        assert found.notes == [f"{uses}: 5 results are equal apart from that."]


def test_a_handler_that_reads_a_file_or_the_environment_is_named(tmp_path, monkeypatch):
    place = tmp_path / "setting.txt"

    def on_text(text, state):
        with open(place) as file:
            return [[], ET.Guest(n=0, setting=file.read(), mode=os.environ["MODE"])]

    place.write_text("old")
    monkeypatch.setenv("MODE", "a")
    tape = recorded(with_text(on_text), TALK)
    place.write_text("new")
    notes = rehearsed(tape, with_text(on_text)).notes
    assert len(notes) == 1
    assert notes[0].startswith("on_text uses open() and os.environ, which may explain ")


def test_a_clock_in_the_state_hides_no_other_difference_of_a_handler_without_a_clock():
    def on_connect_at(msg, state):
        return [[], ET.Guest(out=msg.topic_out, n=0, at=time.perf_counter_ns())]

    def with_two(handler):
        return started(
            rules={(ET.WSClientConnected, Any): on_connect_at, (String, Any): handler, (Any, Any): lambda m, s: [[], s]}
        )

    tape = recorded(with_two(lambda text, state: [[], state]), TALK)
    assert not rehearsed(tape, with_two(lambda text, state: [[], state]))
    found = rehearsed(tape, with_two(lambda text, state: [[FX.Publish(target=state.out, content=text)], state]))
    assert len(found) == 5


def test_a_result_that_depends_on_the_clock_in_more_than_its_value_may_differ():
    def late(text, state):
        now = time.perf_counter_ns()
        effects = [FX.Publish(target=state.out, content="late")] if text == "two" and now > late.after else []
        return [effects, ET.Guest(out=state.out, n=now)]

    late.after = time.perf_counter_ns() + 10**15
    tape = recorded(with_text(late), TALK)
    late.after = 0
    found = rehearsed(tape, with_text(late))
    assert len(found) == 0
    assert [row.message for row in found.unsure] == ["two"]
    assert found.headline == "no difference in 9 messages of 2 connections, and 1 that may differ"


def test_a_recording_without_results_is_not_compared_and_the_notes_have_that():
    tape = recorded(with_text(on_text), TALK, has_outcomes=False)
    found = rehearsed(tape, with_text(on_text))
    assert (len(found), found.messages) == (0, 9)
    assert found.notes == [
        "Nothing is compared: the recording has no results of handlers. all=True shows those of now."
    ]
    assert [row.now.effects[0].content for row in rehearsed(tape, with_text(on_text), all=True) if row.now.effects][
        :2
    ] == ["welcome", "0: one"]


def test_a_path_selects_connections():
    tape = recorded(with_text(on_text), TALK, path="/rooms/kitchen")
    assert rehearsed(tape, with_text(on_text), path="/rooms/{name}").messages == 9
    assert rehearsed(tape, with_text(on_text), path="/rooms/kitchen").messages == 9
    elsewhere = rehearsed(tape, with_text(on_text), path="/elsewhere")
    assert elsewhere.messages == 0
    assert elsewhere.notes == ["No connection is at this path: the recording has /rooms/kitchen."]


def test_rows_are_filtered_by_connection_rule_kind_and_part():
    found = rehearsed(recorded(with_text(on_text), TALK), with_text(lambda text, state: [[], state]))
    assert {row.channel_id for row in found.only(channel_id=2)} == {2}
    assert len(found.only(kind="message")) == 5
    assert len(found.only(what="error")) == 0
    assert found[0].rule == "(String, ET.Guest)"
    assert len(found.only(rule="(String, ET.Guest)")) == 5
    with pytest.raises(InvalidValue, match="channel_id: got 7"):
        found.only(channel_id=7)


def test_a_connection_that_is_not_in_the_recording_is_an_error_that_names_the_others():
    found = rehearsed(recorded(with_text(on_text), TALK), with_text(on_text))
    with pytest.raises(InvalidValue, match=r"connection: channel_id: got 99 \(int\); allowed: 1, 2$"):
        found.connection(99)
    many = rehearsed(recorded(with_text(on_text), [(n, "one") for n in range(15)]), with_text(on_text))
    with pytest.raises(InvalidValue, match=r"8, 9 and 5 more$"):
        many.connection(99)
    assert list(rehearsed(Recording(), with_text(on_text)).connection(99)) == []


@pytest.mark.parametrize("actor", [5, None, FX.StopActor(), lambda text, state: [[], state]])
def test_another_actor_than_a_start_actor_is_an_error_that_names_what_is_allowed(clean, actor):
    tape = recorded(with_text(on_text), TALK)
    with pytest.raises(InvalidEffect, match=r"actor: got .*allowed: FX\.StartActor\(initial_state=\.\.\., rules="):
        FX.Rehearse(recording=tape, actor=actor) | run


def test_a_connection_is_stepped_through_with_its_states():
    found = rehearsed(recorded(with_text(on_text), TALK), with_text(lambda text, state: [[], state]))
    steps = found.connection(2)
    assert [step.message for step in steps if step.kind == "message"] == ["a", "b"]
    assert [step.what for step in steps] == [(), ("effects", "state"), ("effects", "state"), ("state",)]
    assert steps[1].before == steps[0].now.state


def test_wrong_fields_are_listed():
    tape = recorded(with_text(on_text), TALK)
    with pytest.raises(InvalidEffect, match=r"actor\.rules: got neither"):
        FX.Rehearse(recording=tape, actor=FX.StartActor(initial_state=0)) | run
    with pytest.raises(InvalidEffect, match=r"FX\.StartActor\(initial_state"):
        FX.Rehearse(recording=tape, actor=FX.ListActors()) | run
    with pytest.raises(InvalidEffect, match="recording"):
        FX.Rehearse(recording=[], actor=with_text(on_text))


def test_ctrl_c_ends_a_rehearsal(until):
    begun, ended = threading.Event(), []

    def waits(text, state):
        begun.set()
        ended.append(text)
        time.sleep(0.05)
        return on_text(text, state)

    async def rehearse():
        task = asyncio.ensure_future(_awaited(FX.Rehearse(recording=tape, actor=with_text(waits))))
        await asyncio.to_thread(begun.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    async def _awaited(effect):
        return await effect

    tape = recorded(with_text(on_text), [(1, str(n)) for n in range(1_000)])
    asyncio.run(rehearse())
    until(lambda: not any(thread.name == "zefnb-executor" for thread in threading.enumerate()))
    assert len(ended) < 1_000


def test_a_coroutine_that_waits_is_cancelled_with_its_rehearsal(until):
    begun, cancelled = threading.Event(), threading.Event()

    async def waits(text, state):
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async def awaited(effect):
        return await effect

    async def rehearse():
        task = asyncio.ensure_future(awaited(FX.Rehearse(recording=tape, actor=with_text(waits))))
        await asyncio.to_thread(begun.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    tape = recorded(with_text(on_text), TALK)
    asyncio.run(rehearse())
    until(cancelled.is_set)


def test_clients_are_served_while_a_recording_is_rehearsed():
    served = []

    @zef_function(inline=True)
    def inline(text, state):
        return on_text(text, state)

    tape = recorded(with_text(on_text), [(n % 10, "x") for n in range(5_000)])
    FX.SubscribeFX(topic=ET.Topic("beat"), op=served.append) | run

    def slow(text, state):
        served.append(FX.Publish(target=ET.Topic("beat"), content=1))
        return on_text(text, state)

    assert not rehearsed(tape, with_text(inline))
    assert not rehearsed(tape, with_text(slow)).notes
    assert connected(1).channel_id == 1
