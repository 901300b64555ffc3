"""Recordings as sequences: indexes, slices, bounds, and recordings of topics."""

from __future__ import annotations

import gc
import threading

import pandas
import pytest

from tests.recording.conftest import contents, stop
from tests.spec import sessions
from zefnb import ET, FX, Time, run
from zefnb.errors import InvalidEffect, NotRunning
from zefnb.recording import memory_tape
from zefnb.recording.memory_tape import MemoryTape
from zefnb.recording.recording import Recording
from zefnb.recording.row import Row
from zefnb.recording.source import PUBLISHED, Source


def tape_of(count: int, keep: int = 100_000) -> tuple[Recording, MemoryTape]:
    tape = MemoryTape(keep)
    source = tape.new_source(Source(0, ET.Topic("numbers")))
    for number in range(count):
        tape.add(number, PUBLISHED, source, number)
    return Recording(tape, "numbers"), tape


def test_a_recording_is_a_sequence(clean):
    recording, _ = tape_of(3_000)
    numbers = list(range(3_000))
    assert [row.content for row in recording] == numbers
    for place in (
        slice(-20, None),
        slice(5, 2_500),
        slice(None, None, 7),
        slice(2_000, 10, -3),
        slice(9, 3),
        slice(None, None, -1),
    ):
        assert [row.content for row in recording[place]] == numbers[place]
    assert (recording[0].content, recording[-1].content) == (0, 2_999)
    with pytest.raises(IndexError):
        recording[3_000]
    assert recording[7] in recording
    assert [row.content for row in reversed(recording)] == numbers[::-1]


def test_the_oldest_rows_are_dropped_and_counted():
    for keep in (1, 100, 1_024, 5_000):
        recording, _ = tape_of(12_345, keep)
        assert len(recording) == keep
        assert recording.dropped == 12_345 - keep
        assert [row.content for row in recording] == list(range(12_345 - keep, 12_345))


def test_a_recording_is_bounded_in_bytes(monkeypatch):
    monkeypatch.setattr(memory_tape, "MOST_BYTES", 1 << 20)
    monkeypatch.setattr(memory_tape, "_CHUNK_BYTES", 1 << 15)
    tape = MemoryTape(1_000_000)
    source = tape.new_source(Source(0, ET.Topic("large")))
    for number in range(1_000):
        tape.add(number, PUBLISHED, source, "x" * 10_000)
    recording = Recording(tape, "large")
    assert 90 <= len(recording) <= 110
    assert len(recording) + recording.dropped == 1_000


def test_an_iteration_continues_while_rows_are_dropped():
    recording, tape = tape_of(5_000, 5_000)
    source = Source(0, ET.Topic("numbers"))
    seen = []
    for row in recording:
        seen.append(row.content)
        if len(seen) == 1_500:
            for number in range(5_000, 8_000):
                tape.add(number, PUBLISHED, source, number)
    assert seen == sorted(set(seen))
    assert seen[-1] == 7_999


def test_other_threads_read_while_the_recording_grows():
    recording, tape = tape_of(0, 2_000)
    source, problems, is_over = Source(0, ET.Topic("numbers")), [], threading.Event()

    def read() -> None:
        while not is_over.is_set():
            numbers = [row.content for row in recording[-50:]]
            if numbers != list(range(numbers[0], numbers[0] + len(numbers))) if numbers else False:
                problems.append(numbers)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(100_000):
        tape.add(number, PUBLISHED, source, number)
    is_over.set()
    for thread in threads:
        thread.join()
    assert problems == []


def test_a_row_of_text_makes_no_object_for_the_garbage_collector():
    tape = MemoryTape(100_000)
    add = tape.adder(PUBLISHED, tape.new_source(Source(0, ET.Topic("texts"))))
    add("warm")
    before = len(gc.get_objects())
    for number in range(900):
        add(f"text {number}")
    assert len(gc.get_objects()) - before < 50
    assert [row.content for row in Recording(tape, "texts")] == ["warm", *(f"text {number}" for number in range(900))]


def test_a_data_frame_has_the_columns_of_the_rows(record):
    tape = record(topics="n")
    for number in range(3):
        FX.Publish(target=ET.Topic("n"), content=number) | run
    frame = pandas.DataFrame(stop(tape))
    assert list(frame.columns) == list(Row._fields)
    assert list(frame.content) == [0, 1, 2]


def test_values_keep_their_types(record):
    tape = record(topics=[ET.Topic("values")])
    values = ["text", b"bytes", 1.5, None, Time("2026-01-01"), ET.Guest(name="Ada"), {"a": [1, (2,)]}]
    for value in values:
        FX.Publish(target=ET.Topic("values"), content=value) | run
    stop(tape)
    assert contents(tape, "published") == values
    assert [type(content) for content in contents(tape, "published")] == [type(value) for value in values]


def test_a_later_change_of_a_published_value_does_not_change_its_row(record):
    tape, value = record(topics=["mutable"]), [1]
    FX.SubscribeFX(topic=ET.Topic("mutable"), op=lambda content: content.append(2)) | run
    FX.Publish(target=ET.Topic("mutable"), content=value) | run
    value.append(3)
    assert contents(stop(tape), "published") == [[1]]


def test_a_pattern_matches_topics_with_and_without_subscribers_and_later_ones(record):
    FX.SubscribeFX(topic=ET.Topic("sensors/old"), op=lambda content: None) | run
    tape = record(topics=["sensors/*", ET.Topic("room")])
    for name in ("sensors/old", "sensors/new", "room", "other", "sensors", "sensors/new"):
        FX.Publish(target=ET.Topic(name), content=name) | run
    FX.DeleteTopic(topic=ET.Topic("sensors/new")) | run
    FX.Publish(target=ET.Topic("sensors/new"), content="after") | run
    stop(tape)
    FX.Publish(target=ET.Topic("sensors/old"), content="late") | run
    assert contents(tape, "published") == ["sensors/old", "sensors/new", "room", "sensors/new", "after"]
    assert [row.topic._uid for row in tape[:2]] == ["sensors/old", "sensors/new"]


def test_a_stopped_recording_leaves_no_topic(record):
    from zefnb.engine.runtime import default_runtime
    from zefnb.topics.hub import Hub

    tape = record(topics=["sensors/*", "room"])
    FX.Publish(target=ET.Topic("sensors/1"), content=1) | run
    stop(tape)
    hub = default_runtime().service(Hub)
    assert type(hub._topics) is dict
    assert hub._topics == {}


def test_wrong_fields_are_named(chat):
    for given, text in (
        ({}, "neither `server` nor `topics`"),
        ({"server": chat, "topics": ["a"]}, "both `server` and `topics`"),
        ({"topics": []}, "no topic"),
        ({"topics": ["a"], "keep": 0}, "keep"),
        ({"topics": [""]}, "topics"),
    ):
        with pytest.raises(InvalidEffect, match=text):
            FX.StartRecording(**given) | run


def test_a_recording_that_was_stopped_cannot_be_stopped_again(record):
    tape = record(topics=["a"])
    FX.StopRecording(recording=tape) | run
    with pytest.raises(NotRunning):
        FX.StopRecording(recording=tape) | run


def test_a_cell_that_runs_again_replaces_its_recording(tmp_path):
    start = "before = globals().get('tape')\ntape = FX.StartRecording(topics=['numbers']) | run"
    publish = "FX.Publish(target=ET.Topic('numbers'), content=1) | run"
    stopped = "FX.StopRecording(recording=tape) | run"
    check = "print('states', before.is_running, tape.is_running, len(before), len(tape))"
    cells = ["from zefnb import *", start, publish, start, publish, publish, stopped, check]
    output = sessions.run_ipython(cells, tmp_path)
    assert "replaced the recording that this cell started before" in output
    assert "states False False 1 2" in output
