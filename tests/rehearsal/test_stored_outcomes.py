"""Results in a file, which are compared as bytes, and decoded only where these differ."""

from __future__ import annotations

import sqlite3

import pytest

from tests.rehearsal.made import recorded
from zefnb import ET, FX, Any, run
from zefnb.core.codec.codec import QuickWriter, encode
from zefnb.errors import StorageFailed
from zefnb.recording import stored_outcome
from zefnb.recording.columns import Columns
from zefnb.recording.source import MESSAGE, Source
from zefnb.recording.tape import Result
from zefnb.recording.tape_format import RECORDING
from zefnb.recording.tape_table import TapeTable
from zefnb.store.file import open_file

LOUD = ET.Topic("loud")


def actor(handler, initial_state=None):
    return FX.StartActor(initial_state=initial_state, rules={(Any, Any): handler})


@pytest.fixture
def loaded(clean, tmp_path):
    """Return a recording in a file of what an actor returns for some messages."""

    def load(recorded_actor, *messages):
        path = str(tmp_path / "evening.zeft")
        connection, _ = open_file(path, RECORDING)
        source = Source(1, None, 7, "/ws", None, True, recorded_actor.initial_state)
        made = recorded(recorded_actor, [(7, message) for message in messages])
        entries = [(number, MESSAGE, source, row.content) for number, row in enumerate(made.rows)]
        results = [Result(source, number + 1, None, *made.outcomes[number]) for number in range(len(entries))]
        connection.execute("BEGIN")
        TapeTable(connection).write(connection, Columns.of(entries), results)
        connection.execute("COMMIT")
        connection.close()
        return FX.LoadRecording(path=path) | run

    return load


@pytest.fixture
def decoded(monkeypatch):
    """The stored effects and states that are decoded."""
    stored = []
    decode = stored_outcome.decode
    monkeypatch.setattr(stored_outcome, "decode", lambda given: stored.append(given) or decode(given))
    return stored


def count(text, state):
    return [[FX.Publish(target=LOUD, content=f"{state.n}")], ET.Guest(n=state.n + 1)]


def count_louder(text, state):
    return [[FX.Publish(target=LOUD, content=f"{state.n}!")], ET.Guest(n=state.n + 1)]


def test_equal_results_are_not_decoded(loaded, decoded):
    tape = loaded(actor(count, ET.Guest(n=0)), "one", "two", "three")
    found = FX.Rehearse(recording=tape, actor=actor(count, ET.Guest(n=0))) | run
    assert (len(found), found.messages, decoded) == (0, 5, [])


def test_only_the_parts_with_other_bytes_are_decoded(loaded, decoded):
    tape = loaded(actor(count, ET.Guest(n=0)), "one", "two", "three")
    found = FX.Rehearse(recording=tape, actor=actor(count_louder, ET.Guest(n=0))) | run
    assert [row.what for row in found] == [("effects",)] * 5
    assert [row.then.effects[0].content for row in found] == list("01234")
    assert [row.then.state.n for row in found] == [1, 2, 3, 4, 5]
    assert len(decoded) == 5


@pytest.mark.parametrize(
    ("then", "now"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({0, 8}, {8, 0}),
        (0.0, -0.0),
        (ET.Guest(seen=[1], name="x"), ET.Guest(name="x", seen=[1])),
    ],
)
def test_equal_values_with_other_bytes_do_not_differ(loaded, then, now):
    assert encode(then) != encode(now)
    tape = loaded(actor(lambda text, state: [[FX.Publish(target=LOUD, content=then)], then]), "one")
    found = FX.Rehearse(recording=tape, actor=actor(lambda text, state: [[FX.Publish(target=LOUD, content=now)], now]))
    assert len(found | run) == 0


class Name(str):
    """A text that is stored as plain text."""


@pytest.mark.parametrize(("then", "now"), [("x", Name("x")), (b"x", memoryview(b"x")), (1, True), (1, 1.0)])
def test_values_of_another_type_differ(loaded, then, now):
    tape = loaded(actor(lambda text, state: [[], [then]]), "one")
    found = FX.Rehearse(recording=tape, actor=actor(lambda text, state: [[], [now]])) | run
    assert [row.what for row in found] == [("state",)] * 3


def test_what_is_shown_of_then_is_not_what_a_second_run_has_changed(loaded):
    seen = []

    def remember(mark):
        def handler(text, state):
            if text == "one":
                seen.append(text)
            return [[FX.Publish(target=LOUD, content=mark)], seen]

        return handler

    tape = loaded(actor(lambda text, state: [[FX.Publish(target=LOUD, content="a")], ["one"]]), "one")
    found = FX.Rehearse(recording=tape, actor=actor(remember("b"))) | run
    (row,) = [row for row in found if row.message == "one"]
    assert (row.what, row.then.state, seen) == (("effects",), ["one"], ["one", "one"])


@pytest.mark.parametrize("table", ["results SET effects", "states SET value"])
def test_a_damaged_result_is_an_error(loaded, table):
    tape = loaded(actor(count, ET.Guest(n=0)), "one", "two")
    with sqlite3.connect(tape.tape.path) as connection:
        connection.execute(f"UPDATE {table} = x'8005'")
    connection.close()
    with pytest.raises(StorageFailed, match="is damaged"):
        FX.Rehearse(recording=tape, actor=actor(count, ET.Guest(n=0))) | run


def test_all_results_of_a_connection_are_read(loaded):
    tape = loaded(actor(count, ET.Guest(n=0)), "one")
    found = FX.Rehearse(recording=tape, actor=actor(count, ET.Guest(n=0)), all=True) | run
    assert [row.then for row in found] == [row.now for row in found] == [tape.outcome(each) for each in range(3)]


def test_results_of_types_with_a_converter_do_not_differ_from_themselves(loaded):
    same = actor(lambda text, state: [[], [Name("x")]])
    assert len(FX.Rehearse(recording=loaded(same, "one"), actor=same) | run) == 0


def test_the_writer_writes_what_encode_writes():
    writer = QuickWriter()
    effects = (FX.Publish(target=LOUD, content=[1]),)
    values = ["text", 1, 1.5, None, b"x", [1, {"a": (1, 2)}], ET.Guest(n=1, out=LOUD), effects, Name("x")]
    assert [writer.written(value) for value in values] == list(map(encode, values))
    assert writer.written([values, lambda: 0]) is None
    assert writer.written(values) == encode(values)  # what failed before does not matter
