"""Recordings on disk: types, pages, `kill -9`, hostile and damaged files."""

from __future__ import annotations

import json
import pickle
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.recording.conftest import contents, stop
from zefnb import ET, FX, Time, run, zef_function
from zefnb.errors import InvalidEffect, StorageFailed
from zefnb.recording import disk_tape, tape_reader, tape_table
from zefnb.recording.row import Row

VALUES = [
    "text ✓",
    "",
    b"bytes\x00",
    1.5,
    None,
    True,
    10**30,
    Time("2026-01-01T00:00:00.123456789Z"),
    ET.Guest(name="Ada", tags=("a", "b")),
    {"a": [1, (2,)], 3: {4}},
    ET.Topic("room"),
    "\ud800",
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "evening.zeft"


def load(path: Path) -> Any:
    return FX.LoadRecording(path=path) | run


def recorded(path: Path, *values: Any) -> Any:
    """A stopped recording of these values in a file."""
    tape = FX.StartRecording(topics=["values"], path=path) | run
    for value in values:
        FX.Publish(target=ET.Topic("values"), content=value) | run
    return stop(tape)


def changed(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


@pytest.mark.parametrize("on_disk", [True, False])
def test_values_keep_their_types_in_a_file(record, path, on_disk):
    tape = record(topics=["values"], **({"path": path} if on_disk else {}))
    for value in VALUES:
        FX.Publish(target=ET.Topic("values"), content=value) | run
    rows = list(stop(tape))
    if not on_disk:
        FX.SaveRecording(recording=tape, path=path) | run
    loaded = load(path)
    assert list(loaded) == rows
    assert [row.content for row in loaded] == VALUES
    assert [type(row.content) for row in loaded] == [type(value) for value in VALUES]
    assert loaded[-2:] == rows[-2:]
    assert loaded[0] == rows[0]
    assert loaded[::-5] == rows[::-5]


def actor_of_a_counter() -> Any:
    @zef_function
    def count(message: Any, state: Any) -> Any:
        if message == "fail":
            raise ValueError("no such room")
        if message == "same":
            return [[], state]
        if isinstance(message, str):
            return [[FX.Publish(target=ET.Topic("seen"), content=message)], {"count": state["count"] + 1}]
        return [[], state]

    return FX.StartActor(initial_state={"count": 0}, handler=count)


@pytest.mark.parametrize("on_disk", [True, False])
def test_results_of_handlers_are_in_the_file(serve, record, connect, until, path, on_disk):
    server = serve({"/ws": ET.WebSocket(actor=actor_of_a_counter())})
    tape = record(server=server, **({"path": path} if on_disk else {}))
    with connect(server) as client:
        for text in ("one", "same", "fail", "two"):
            client.send(text)
    until(lambda: len(tape) == 6 and tape.outcome(5) is not None)
    stop(tape)
    if not on_disk:
        FX.SaveRecording(recording=tape, path=path) | run
    for each in (tape, load(path)):
        outcomes = [each.outcome(index) for index in range(6)]
        assert [outcome.state["count"] for outcome in outcomes] == [0, 1, 1, 1, 2, 2]
        assert [outcome.error for outcome in outcomes] == [None, None, None, "ValueError: no such room", None, None]
        assert outcomes[1].effects == (FX.Publish(target=ET.Topic("seen"), content="one"),)
        (connection,) = each.connections()
        assert (connection.channel_id, connection.path, connection.state) == (0, "/ws", {"count": 0})
        steps = list(each.steps(connection.number))
        assert [step.row for step in steps] == list(range(6))
        assert [step.message for step in steps] == [row.content for row in each]
        assert [step.outcome for step in steps] == outcomes


def test_a_state_that_does_not_change_is_written_once(serve, record, connect, until, path):
    server = serve({"/ws": ET.WebSocket(actor=actor_of_a_counter())})
    tape = record(server=server, path=path)
    with connect(server) as client:
        for _ in range(100):
            client.send("same")
    until(lambda: len(tape) == 102 and tape.outcome(101) is not None)
    stop(tape)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM results").fetchone()[0] == 102
        assert connection.execute("SELECT count(*) FROM states").fetchone()[0] <= 3


def test_a_value_that_cannot_be_stored_is_recorded_as_its_text(record, path):
    tape = recorded(path, "before", {"call": print}, "after")
    assert len(tape) == 3
    assert tape[1].content.text.startswith("{'call': <built-in function print>")
    assert [tape[0].content, tape[2].content] == ["before", "after"]


@pytest.mark.parametrize("last", ["text", "\ud800", b"bytes", {"a": 1}])
def test_rows_are_written_many_at_once_and_the_rest_one_by_one(record, path, last):
    values = [*(f"text {number}" for number in range(300)), last]
    tape = record(topics=["values"], path=path)
    for value in values:
        FX.Publish(target=ET.Topic("values"), content=value) | run
    stop(tape)
    assert contents(tape, "published") == values
    assert [count for _, count in load(path).counts().of_sources] == [301]


def test_a_recording_continues_in_its_file(path):
    recorded(path, "first")
    tape = recorded(path, "second")
    assert contents(tape, "published") == ["first", "second"]


def test_two_recordings_cannot_write_to_one_file(record, path):
    tape = record(topics=["a"], path=path)
    with pytest.raises(InvalidEffect, match="writes to this file"):
        record(topics=["b"], path=path)
    stop(tape)


def test_saving_replaces_a_recording_and_no_other_file(record, path, tmp_path):
    recorded(path, "old", "older")
    tape = recorded(tmp_path / "new.zeft", "new")
    FX.SaveRecording(recording=tape, path=path) | run
    assert contents(load(path), "published") == ["new"]
    other = tmp_path / "notes.txt"
    other.write_text("my notes")
    with pytest.raises(StorageFailed, match="is not a recording"):
        FX.SaveRecording(recording=tape, path=other) | run
    assert other.read_text() == "my notes"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["evening.zeft", "new.zeft", "notes.txt"]


KILLED = """
import sys, time
from zefnb import *
tape = FX.StartRecording(topics=['numbers'], path=sys.argv[1]) | run
for number in range(100_000):
    FX.Publish(target=ET.Topic('numbers'), content=f'message {number}') | run
    if number % 500 == 0:
        while number - len(tape) > 5_000:
            time.sleep(0.001)
        print(len(tape), flush=True)
        sys.stdin.readline()  # so that it does not end before it is killed
"""


def test_every_acknowledged_row_survives_kill_9(path):
    acknowledged = 0
    command = [sys.executable, "-c", KILLED, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as child:
        for line in child.stdout:
            acknowledged = int(line)
            if acknowledged > 20_000:
                child.send_signal(signal.SIGKILL)
                break
            child.stdin.write("\n")
        acknowledged = max([acknowledged, *(int(line) for line in child.stdout if line.endswith("\n"))])
    assert child.returncode == -signal.SIGKILL
    tape = load(path)
    assert acknowledged <= len(tape) < 100_000
    assert [row.content for row in tape] == [f"message {number}" for number in range(len(tape))]


def test_a_million_rows_are_read_in_pages(path):
    recorded(path, "first")
    changed(
        path,
        "WITH RECURSIVE n(x) AS (VALUES(2) UNION ALL SELECT x + 1 FROM n WHERE x < 1000000) "
        "INSERT INTO rows SELECT x, x * 1000, 3, 1, 0, CAST('message ' || x AS BLOB) FROM n",
    )
    tape = load(path)
    assert len(tape) == 1_000_000
    assert [row.content for row in tape[-3:]] == ["message 999998", "message 999999", "message 1000000"]
    rows = iter(tape)
    assert [next(rows).content for _ in range(3)] == ["first", "message 2", "message 3"]
    assert tape[500_000].content == "message 500001"


def read_all(path: Path) -> None:
    tape = load(path)
    len(tape)
    list(tape)
    tape.counts()


DAMAGE = {
    "a row is missing": ["DELETE FROM rows WHERE number = 2"],
    "the first row is missing": ["DELETE FROM rows WHERE number = 1"],
    "a huge number": ["UPDATE rows SET number = 9223372036854775807 WHERE number = 3"],
    "a negative number": ["UPDATE rows SET number = -5 WHERE number = 3"],
    "no source": ["DELETE FROM sources"],
    "an unknown form": ["UPDATE rows SET form = 9"],
    "a number as content": ["UPDATE rows SET content = 5"],
    "content that is not text": ["UPDATE rows SET content = x'ff'"],
    "content that is not a value": ["UPDATE rows SET form = 3"],
    "a kind that does not exist": ["UPDATE rows SET kind = 77"],
    "a time that is text": ["UPDATE rows SET time = 'now'"],
    "a topic without a name": ["UPDATE sources SET topic = x''"],
    "a topic that is not text": ["UPDATE sources SET topic = x'ff'"],
    "a user that is code": [f"UPDATE sources SET user = x'{pickle.dumps(print).hex()}'"],
    "another table": ["CREATE TABLE more (a)"],
    "a trigger": ["CREATE TRIGGER t AFTER INSERT ON rows BEGIN DELETE FROM rows; END"],
    "a view": ["DROP TABLE states", "CREATE VIEW states AS SELECT 1 AS number, 2 AS value"],
    "a newer version": ["PRAGMA user_version = 2"],
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_gives_a_clear_error(path, damage):
    recorded(path, "one", "two", "three")
    changed(path, *DAMAGE[damage])
    with pytest.raises(StorageFailed) as caught:
        read_all(path)
    assert str(path) in str(caught.value)
    if damage == "a newer version":
        assert "has version 2" in str(caught.value)
        assert "update zefnb" in str(caught.value)


def test_a_file_names_nothing_that_runs(path, tmp_path):
    recorded(path, {"a": 1})
    trace = tmp_path / "trace"

    class Runs:
        def __reduce__(self) -> Any:
            return open, (str(trace), "w")

    stored = pickle.dumps(Runs()).hex()
    changed(path, f"UPDATE rows SET form = 3, content = x'{stored}'")
    with pytest.raises(StorageFailed, match="which zefnb never writes"):
        list(load(path))
    assert not trace.exists()


def test_files_of_other_kinds_are_refused(path, tmp_path):
    path.write_bytes(b"not a database, and long enough to be one" * 100)
    with pytest.raises(StorageFailed, match="is not a recording"):
        load(path)
    with pytest.raises(StorageFailed, match="does not exist"):
        load(tmp_path / "missing.zeft")
    database = tmp_path / "data.zef"
    from zefnb import DictDatabase

    db = FX.CreateDB(type=DictDatabase, persistence="local_disk", path=database) | run
    FX.CloseDB(db=db) | run
    with pytest.raises(StorageFailed, match="but not a recording"):
        load(database)
    tape = recorded(tmp_path / "tape.zeft", "x")
    with pytest.raises(StorageFailed):
        FX.CreateDB(type=DictDatabase, persistence="local_disk", path=tmp_path / "tape.zeft") | run
    assert contents(tape, "published") == ["x"]
    assert not (tmp_path / "missing.zeft").exists()


def test_a_file_that_is_cut_gives_a_clear_error(path):
    recorded(path, *(f"message {number}" for number in range(2_000)))
    whole = path.read_bytes()
    for length in range(0, len(whole), max(1, len(whole) // 9)):
        path.write_bytes(whole[:length])
        with pytest.raises(StorageFailed):
            read_all(path)


def test_rows_are_dropped_and_reported_when_the_disk_is_too_slow(record, path, monkeypatch, until):
    monkeypatch.setattr(disk_tape, "MOST_WAITING", -1)
    tape = record(topics=["fast"], path=path)
    FX.Publish(target=ET.Topic("fast"), content="x") | run
    until(lambda: any("more slowly" in entry["message"] for entry in FX.QueryLog() | run))
    assert len(stop(tape)) == 0


def test_clients_receive_the_texts_whose_rows_are_dropped(chat, record, connect, path, monkeypatch):
    monkeypatch.setattr(disk_tape, "MOST_WAITING", -1)
    tape = record(server=chat, path=path)
    with connect(chat) as client:
        client.send("one")
        client.send("two")
        assert [client.recv(timeout=20), client.recv(timeout=20)] == ["one", "two"]
    assert len(stop(tape)) == 0


def test_a_recording_ends_at_the_largest_size_of_its_file(record, path, monkeypatch, until):
    monkeypatch.setattr(tape_table, "MOST_BYTES", 100_000)
    tape = record(topics=["large"], path=path)

    def has_ended() -> bool:
        FX.Publish(target=ET.Topic("large"), content="x" * 10_000) | run
        return "the most of a recording" in json.dumps(FX.QueryLog() | run, default=str)

    until(has_ended)
    rows = len(stop(tape))
    assert rows > 5
    assert contents(tape, "published") == ["x" * 10_000] * rows


def test_a_file_that_is_removed_while_it_records_is_named(record, path, until):
    tape = record(topics=["gone"], path=path)
    FX.Publish(target=ET.Topic("gone"), content="x") | run
    until(lambda: len(tape) == 1)
    path.unlink()
    FX.Publish(target=ET.Topic("gone"), content="y") | run
    until(lambda: any(str(path) in json.dumps(entry, default=str) for entry in FX.QueryLog() | run))
    with pytest.raises(StorageFailed, match="was removed"):
        stop(tape)
    assert "StorageFailed" in repr(tape)


def test_a_row_from_a_file_is_a_row(path):
    assert type(recorded(path, "x")[0]) is Row


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        ("DELETE FROM states", "a state is missing"),
        ("DELETE FROM rows WHERE number = 2", "row 2 is missing"),
        ("UPDATE results SET effects = x'4e2e'", "StorageFailed|damaged"),
        ("UPDATE results SET row = 'two' WHERE row = 2", "the number of a row is missing"),
    ],
)
def test_damaged_results_give_a_clear_error(serve, record, connect, until, path, damage, text):
    server = serve({"/ws": ET.WebSocket(actor=actor_of_a_counter())})
    tape = record(server=server, path=path)
    with connect(server) as client:
        client.send("one")
    until(lambda: len(tape) == 3 and tape.outcome(2) is not None)
    stop(tape)
    changed(path, damage)
    loaded = load(path)
    with pytest.raises(StorageFailed, match=text):
        [list(loaded.steps(connection.number)) for connection in loaded.connections()]


def test_steps_are_read_in_pages_of_bounded_size(serve, record, connect, until, path, monkeypatch):
    monkeypatch.setattr(tape_reader, "_PAGE_BYTES", 100)
    server = serve({"/ws": ET.WebSocket(actor=actor_of_a_counter())})
    tape = record(server=server, path=path)
    with connect(server) as client:
        for number in range(9):
            client.send(f"{number}" * 60)
    until(lambda: len(tape) == 11 and tape.outcome(10) is not None)
    stop(tape)
    (connection,) = tape.connections()
    assert [step.row for step in tape.steps(connection.number)] == list(range(11))
