"""Sources: lists, iterators, tables of pandas and polars, and recordings, each in order and to its end."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy
import pandas
import polars
import pytest

from tests.replay.conftest import replayed
from zefnb import ET, FX, Array1, Time, run, u8
from zefnb.errors import InvalidEffect
from zefnb.replay.source import PART, source_of
from zefnb.replay.source_type import is_source

LONG = list(range(2 * PART + 1))
ROWS = [{"city": "Oslo", "celsius": 3.5}, {"city": "Rome", "celsius": 17.0}]


class Numbered:
    """A sequence without `__iter__`."""

    def __len__(self) -> int:
        return len(LONG)

    def __getitem__(self, at: int) -> int:
        return LONG[at]


def read(given: Any) -> list[Any]:
    return [message for part in source_of(given).parts() for message in part]


@pytest.mark.parametrize(
    "given",
    [LONG, tuple(LONG), range(len(LONG)), deque(LONG), iter(LONG), (n for n in LONG), Numbered(), numpy.array(LONG)],
    ids=lambda given: type(given).__name__,
)
def test_a_source_has_all_messages_in_order(given):
    assert read(given) == LONG


@pytest.mark.parametrize("frame", [pandas.DataFrame(ROWS), polars.DataFrame(ROWS)], ids=["pandas", "polars"])
def test_the_rows_of_a_table_are_dicts(frame, feed, heard):
    assert replayed(frame, feed, speed="max") == 2
    assert heard.messages == ROWS
    assert [type(value) for value in heard.messages[0].values()] == [str, float]


@pytest.mark.parametrize("library", [pandas, polars], ids=["pandas", "polars"])
def test_a_long_table_is_read_in_parts(library):
    parts = list(source_of(library.DataFrame({"n": LONG})).parts())
    assert [len(part) for part in parts] == [PART, PART, 1]
    assert [row["n"] for part in parts for row in part] == LONG


@pytest.mark.parametrize("library", [pandas, polars], ids=["pandas", "polars"])
def test_a_change_of_a_table_after_the_start_is_not_replayed(library):
    frame = library.DataFrame({"n": [1, 2]})
    source = source_of(frame)
    if library is pandas:
        frame.loc[0, "n"] = 9
    else:
        frame[0, "n"] = 9
    assert [row for part in source.parts() for row in part] == [{"n": 1}, {"n": 2}]


def test_a_change_of_a_list_after_the_start_is_not_replayed():
    messages = [1, 2]
    source = source_of(messages)
    messages.append(3)
    assert list(source.parts()) == [[1, 2]]


def test_the_index_of_a_pandas_table_can_have_the_times(feed, heard):
    index = pandas.date_range("2026-01-01", periods=3, freq="h", name="at")
    assert replayed(pandas.DataFrame({"n": [1, 2, 3]}, index=index), feed, time="at", speed=1e6) == 3
    assert [message["n"] for message in heard.messages] == [1, 2, 3]


def test_columns_of_one_name_are_refused():
    frame = pandas.DataFrame([[1, 2]], columns=["a", "a"])
    with pytest.raises(InvalidEffect, match="several columns 'a'"):
        FX.StartReplay(source=frame, target=ET.Topic("t"), speed="max") | run


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ("text", "A single message is a list"),
        (b"bytes", "A single message is a list"),
        ({"a": 1}, "A single message is a list"),
        (ET.Foo(a=1), "A single message is a list"),
        ({1, 2}, "A set has no order"),
        (polars.DataFrame(ROWS).lazy(), "Collect it first"),
        (3, "allowed: a list"),
        (None, "allowed: a list"),
    ],
    ids=lambda given: type(given).__name__,
)
def test_what_has_no_order_is_refused_when_the_effect_is_built(given, hint):
    assert not is_source(given)
    with pytest.raises(InvalidEffect, match=f"FX.StartReplay: source.*{hint}"):
        FX.StartReplay(source=given)
    with pytest.raises(InvalidEffect, match=f"FX.PublishAll: contents.*{hint}"):
        FX.PublishAll(contents=given)


def test_a_generator_function_is_refused_with_the_advice_to_call_it():
    def reading():
        yield 1

    with pytest.raises(InvalidEffect, match="Call it"):
        FX.StartReplay(source=reading)


class TestARecording:
    @pytest.fixture
    def tape(self, feed):
        tape = FX.StartRecording(topics=[feed]) | run
        contents = ["text", "né", b"bytes", Array1[u8]([1, 255]), {"n": [1, 2]}, ET.Foo(at=Time(3)), 3.5, None]
        [FX.Publish(target=feed, content=each) for each in contents] | run
        FX.StopRecording(recording=tape) | run
        return tape

    def test_text_bytes_and_entities_are_identical_in_the_same_order(self, tape, feed, heard):
        assert replayed(tape, feed) == 8
        recorded = [row.content for row in tape]
        assert heard.messages == recorded
        assert [type(each) for each in heard.messages] == [type(each) for each in recorded]

    def test_some_of_its_rows_can_be_replayed(self, tape, feed, heard):
        assert replayed(tape[-3:], feed) == 3
        assert replayed((row for row in tape if type(row.content) is bytes), feed, speed=2) == 1
        assert heard.messages == [ET.Foo(at=Time(3)), 3.5, None, b"bytes"]

    def test_its_file_has_the_same_messages(self, tape, feed, heard, tmp_path):
        path = tmp_path / "evening.zeft"
        FX.SaveRecording(recording=tape, path=path) | run
        replayed(FX.LoadRecording(path=path) | run, feed)
        assert heard.messages == [row.content for row in tape]

    def test_a_replay_into_a_topic_that_is_recorded_ends(self, feed):
        tape = FX.StartRecording(topics=[feed]) | run
        FX.PublishAll(target=feed, contents=[1, 2, 3]) | run
        assert replayed(tape, feed, speed="max") == 3
        FX.StopRecording(recording=tape) | run
        assert [row.content for row in tape] == [1, 2, 3, 1, 2, 3]


def test_what_clients_sent_is_replayed_without_their_connections(feed, heard, connect, until):
    server = FX.StartHTTPServer(routes={"/ws": ET.WebSocket(clients_push_into_=[ET.Topic("in")])}, port=0) | run
    tape = FX.StartRecording(server=server) | run
    with connect(server) as client:
        client.send("one")
        client.send(b"two")
    until(lambda: tape and tape[-1].kind == "disconnected")
    FX.StopRecording(recording=tape) | run
    assert replayed(tape, feed) == 2
    assert heard.messages == ["one", Array1[u8](b"two")]
    with (
        connect(server) as client,
        connect(
            FX.StartHTTPServer(routes={"/ws": ET.WebSocket(clients_subscribe_to=[feed])}, port=0) | run
        ) as listener,
    ):
        replayed(tape, feed)
        assert [listener.recv(timeout=20), listener.recv(timeout=20)] == ["one", b"two"]
