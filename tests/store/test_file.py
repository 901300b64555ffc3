"""Unusable files raise with a reason, and foreign files run no code."""

from __future__ import annotations

import os
import pickle
import sqlite3
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import wait_until
from tests.store.on_disk import closed, opened, script, store_of
from zefnb.errors import InvalidValue, StorageFailed
from zefnb.store.file import _check_place


def test_a_path_at_which_no_file_can_exist_raises_with_the_reason(tmp_path):
    (tmp_path / "file").write_text("")
    for place, reason in (
        (tmp_path, "is a directory; give the path of a file"),
        (tmp_path / "missing" / "a.db", f"there is no directory {tmp_path / 'missing'}; create it first"),
        (tmp_path / "file" / "a.db", "there is no directory"),
        ("/proc/a.db", "cannot be opened or created; check the path and its permissions"),
    ):
        with pytest.raises(StorageFailed, match=reason) as caught:
            opened(place)
        assert str(place) in str(caught.value)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["file"]


def test_a_database_opens_while_another_process_makes_and_removes_what_sqlite_keeps_beside_it(tmp_path):
    """That process is played by a program which does nothing else."""
    beside = str(tmp_path / "a.db-shm")
    program = f"import os\nwhile True: os.close(os.open({beside!r}, os.O_CREAT)); os.unlink({beside!r})"
    other = subprocess.Popen([sys.executable, "-c", program])
    try:
        wait_until(lambda: os.path.exists(beside))
        for _ in range(20_000):
            _check_place(str(tmp_path / "a.db"))
    finally:
        other.kill()
        other.wait()


def test_a_file_of_another_format_is_not_changed(tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("dear diary, " * 1000)
    with pytest.raises(StorageFailed, match=r"notes\.txt is not a database; choose another path"):
        opened(text)
    assert text.read_text() == "dear diary, " * 1000
    foreign = tmp_path / "foreign.db"
    with sqlite3.connect(foreign) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    before = foreign.read_bytes()
    with pytest.raises(StorageFailed, match=r"foreign\.db is an SQLite database, but not a database of zefnb"):
        opened(foreign)
    assert foreign.read_bytes() == before


def test_an_empty_file_is_a_new_database(path):
    path.touch()
    assert dict(opened(path)) == {}


def test_a_file_of_a_later_version_raises_and_says_so(path):
    closed(opened(path))
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 9")
    connection.close()
    with pytest.raises(StorageFailed, match="has version 9, but this zefnb reads version 1; update zefnb"):
        opened(path)


def test_a_damaged_file_raises_and_says_so(path):
    closed(opened(path, initial_state=dict.fromkeys(range(100), "x" * 1000)))
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 60_000)
    with pytest.raises(StorageFailed, match=r"is damaged; restore it from a copy"):
        dict(opened(path))


@pytest.mark.skipif(os.name == "nt", reason="permissions are another matter there")
def test_a_file_without_write_permission_raises_and_says_so():
    with tempfile.TemporaryDirectory() as directory:
        existing, new = Path(directory, "existing.db"), Path(directory, "new.db")
        closed(opened(existing))
        body = """
import os
from zefnb.errors import StorageFailed
FX.CloseDB(db=db) | run
if os.geteuid() == 0:  # who may write everything
    os.setuid(65534)
for path in sys.argv[2:]:
    try:
        FX.CreateDB(type=DictDatabase, persistence='local_disk', path=path) | run
    except StorageFailed as error:
        print(error)
"""
        command = script(body, Path(directory, "warm.db"), existing, new)
        existing.chmod(0o444)
        os.chmod(directory, 0o755 if os.geteuid() == 0 else 0o555)
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        os.chmod(directory, 0o755)
    refused, not_made = done.stdout.splitlines()
    assert refused.startswith(f"FX.CreateDB: {existing} cannot be written; check the permissions")
    assert not_made.startswith(f"FX.CreateDB: {new} cannot be opened or created; check the path")


def test_a_file_that_is_removed_while_open_accepts_no_more_writes(path):
    db = opened(path)
    db["a"] = 1
    for file in path.parent.iterdir():
        file.unlink()
    with pytest.raises(StorageFailed, match="was removed or replaced while it was open; create the database again"):
        db["b"] = 2
    again = opened(path)
    assert again != db
    again["c"] = 3
    assert dict(again) == {"c": 3}


def test_a_value_that_the_disk_cannot_store_raises_and_is_named(path):
    db = opened(path)
    for value in (print, lambda: 1, threading.Lock(), object(), [{"deep": object()}]):
        with pytest.raises(InvalidValue, match=r"value of 'k': got .*allowed: text, numbers"):
            db["k"] = value
    assert dict(db) == {}


def test_a_value_too_large_for_the_file_raises_and_does_no_harm(path):
    db = opened(path)
    store_of(db)._writer._connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 1000)
    with pytest.raises(StorageFailed, match="too big"):
        db["big"] = b"x" * 2000
    db["small"] = 1
    assert dict(db) == {"small": 1}


class Malice:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.trace}",)


@pytest.mark.parametrize("column", ["value", "name"])
def test_a_foreign_file_runs_no_code(path, tmp_path, column):
    db = opened(path, initial_state={"good": 1, "evil": 2})
    closed(db)
    trace = tmp_path / "trace"
    with sqlite3.connect(path) as connection:
        forged = pickle.dumps(Malice(trace))
        connection.execute(f"UPDATE entries SET {column} = ? WHERE position = 2", (forged,))
    connection.close()
    db = opened(path)
    assert db["good"] == 1
    reads = [lambda: list(db.items())]
    reads += [lambda: db["evil"], lambda: db.pop("evil")] if column == "value" else [lambda: list(db), db.popitem]
    for read in reads:
        with pytest.raises(StorageFailed, match=r"guests\.db: .*cannot be read: it refers to posix\.system"):
            read()
    assert not trace.exists()


def test_a_forged_identity_is_refused(path):
    closed(opened(path))
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE identity SET uid = 'x'")
    connection.close()
    with pytest.raises(StorageFailed, match="is damaged"):
        opened(path)
