"""Recordings that meet at one file: of this program, and of another process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.recording.conftest import contents, stop
from zefnb import ET, FX, run
from zefnb.errors import StorageFailed


def recorded(record: Any, path: Path, value: Any) -> Any:
    """A stopped recording of a value in a file."""
    tape = record(topics=["values"], path=path)
    FX.Publish(target=ET.Topic("values"), content=value) | run
    return stop(tape)


def test_saving_to_its_own_file_leaves_the_recording_in_use(record, tmp_path):
    path = tmp_path / "evening.zeft"
    tape = record(topics=[ET.Topic("own")], path=path)
    FX.Publish(target=ET.Topic("own"), content="one") | run
    stop(tape)
    loaded = FX.LoadRecording(path=path) | run
    for each in (tape, loaded):
        assert FX.SaveRecording(recording=each, path=path) | run == ET.Success(rows=1)
        assert [row.content for row in each] == ["one"]


def test_two_programs_cannot_record_to_one_file(record, tmp_path):
    path = tmp_path / "evening.zeft"
    recorded(record, path, "one")
    other = subprocess.Popen([sys.executable, "-c", RECORDS, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert other.stdout.readline() == b"recording\n"
        with pytest.raises(StorageFailed, match="is in use; stop its recording"):
            record(topics=["b"], path=path)
    finally:
        other.kill()  # so that its journal stays
        other.communicate()
    assert contents(recorded(record, path, "two"), "published") == ["one", "two"]


RECORDS = """
import sys
from zefnb import *
tape = FX.StartRecording(topics=['numbers'], path=sys.argv[1]) | run
print('recording', flush=True)
sys.stdin.readline()
"""
