"""Single rows of a recording in a file: quick, and never other rows than the file has."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.recording.conftest import contents, stop
from zefnb import ET, FX, run
from zefnb.errors import StorageFailed
from zefnb.recording import row_cache, tape_reader

LONG_AGO = 1_790_000_000


@pytest.fixture
def path(clean: None, tmp_path: Path) -> Path:
    return tmp_path / "evening.zeft"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of files in the order in which they were opened."""
    found: list[str] = []
    connect = tape_reader.connect

    def counted(path: str) -> Any:
        found.append(path)
        return connect(path)

    monkeypatch.setattr(tape_reader, "connect", counted)
    return found


def write(path: Path, *values: Any) -> None:
    """Add rows of these values to a file that is old then."""
    tape = FX.StartRecording(topics=["values"], path=path) | run
    for value in values:
        FX.Publish(target=ET.Topic("values"), content=value) | run
    stop(tape)
    os.utime(path, (LONG_AGO, LONG_AGO))


def loaded(path: Path) -> Any:
    return FX.LoadRecording(path=path) | run


def test_the_file_is_opened_once_for_the_rows_of_a_page(path, opened):
    write(path, *(f"message {number}" for number in range(2_500)))
    before, tape = len(opened), loaded(path)
    assert [tape[index].content for index in range(2_500)] == [f"message {number}" for number in range(2_500)]
    assert [tape[-1].content, tape[1_000].content] == ["message 2499", "message 1000"]
    with pytest.raises(IndexError):
        tape[2_500]
    assert len(opened) - before == 4  # for its length, and for three pages
    assert os.listdir(path.parent) == [path.name]
    descriptors = Path("/proc/self/fd")
    if descriptors.is_dir():
        assert str(path) not in {os.path.realpath(each) for each in descriptors.iterdir()}


def test_rows_that_are_written_later_are_read(path):
    write(path, "one")
    tape = loaded(path)
    assert (len(tape), tape[0].content) == (1, "one")
    running = FX.StartRecording(topics=["values"], path=path) | run
    FX.Publish(target=ET.Topic("values"), content="two") | run
    stop(running)
    assert (len(tape), tape[-1].content) == (2, "two")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE rows SET content = x'6869' WHERE number = 1")
        connection.commit()
        assert tape[0].content == "hi"
    assert tape[0].content == "hi"


def test_a_file_that_has_just_been_written_is_read_each_time(path, opened, monkeypatch):
    monkeypatch.setattr(row_cache, "_SETTLED_NS", 10**18)
    write(path, "one")
    before, tape = len(opened), loaded(path)
    assert [tape[0].content for _ in range(3)] == ["one"] * 3
    assert len(opened) - before == 6


def test_a_value_that_the_caller_changes_does_not_change_the_recording(path):
    write(path, {"a": [1]})
    tape = loaded(path)
    tape[0].content["a"].append(2)
    assert tape[0].content == {"a": [1]}


def test_a_file_that_is_moved_or_replaced_is_named(path, tmp_path):
    write(path, "one")
    tape = loaded(path)
    assert tape[0].content == "one"
    path.rename(tmp_path / "moved.zeft")
    with pytest.raises(StorageFailed, match="was removed or replaced"):
        tape[0]
    write(path, "other")
    with pytest.raises(StorageFailed, match="was removed or replaced"):
        len(tape)


def test_a_damaged_row_is_an_error_and_its_neighbours_are_not(path):
    write(path, "one", "two", "three")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE rows SET form = 3 WHERE number = 2")
        connection.commit()
    os.utime(path, (LONG_AGO, LONG_AGO))
    tape = loaded(path)
    for _ in range(2):
        assert [tape[0].content, tape[2].content] == ["one", "three"]
        with pytest.raises(StorageFailed, match="row 2"):
            tape[1]


def test_pages_are_dropped_when_they_are_many_or_large(path, monkeypatch, opened):
    monkeypatch.setattr(tape_reader, "_CACHED_PAGE_BYTES", 300)
    monkeypatch.setattr(row_cache, "_MOST_BYTES", 500)
    write(path, *(f"{number:0100}" for number in range(1_010)))
    tape = loaded(path)
    for index in (0, 3, 4, 900, 1_003, 1_004, 0):
        assert int(tape[index].content) == index
    # Of a page with long rows only the first few are cached.
    before = len(opened)
    assert [int(tape[3].content), len(opened) - before] == [3, 0]
    assert [int(tape[999].content), len(opened) - before] == [999, 1]


def test_a_saved_recording_has_the_number_of_rows_that_were_dropped_before(path, record):
    tape = record(topics=["values"], keep=3)
    for number in range(10):
        FX.Publish(target=ET.Topic("values"), content=number) | run
    stop(tape)
    FX.SaveRecording(recording=tape, path=path) | run
    saved = loaded(path)
    assert (tape.dropped, saved.dropped, contents(saved, "published")) == (7, 7, [7, 8, 9])
    again = path.with_name("again.zeft")
    FX.SaveRecording(recording=saved, path=again) | run
    write(again, 10)
    assert (loaded(again).dropped, contents(loaded(again), "published")) == (7, [7, 8, 9, 10])


@pytest.mark.parametrize("stored", ["x'ff'", "'seven'", "x''"])
def test_a_damaged_number_of_dropped_rows_is_named(path, stored):
    write(path, "one")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"INSERT INTO states VALUES (0, {stored})")
        connection.commit()
    with pytest.raises(StorageFailed, match="damaged"):
        loaded(path)
