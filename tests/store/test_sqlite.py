"""Databases on disk: the same file is the same database, in this program and in others."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.spec.sessions import environment
from tests.store.on_disk import closed, opened, script
from zefnb import ET, FX, Time, run
from zefnb.errors import StorageFailed


def test_written_data_is_there_when_the_file_is_opened_again(path):
    guest = ET.Guest(name="Ada", since=Time("2026-01-02T03:04:05Z"), tags={"a"})
    db = opened(path)
    db["guest"] = guest
    db["n"] = 1
    closed(db)
    assert [file.name for file in path.parent.iterdir()] == ["guests.db"]
    again = opened(path)
    assert dict(again) == {"guest": guest, "n": 1}
    assert again == db


def test_a_program_that_ends_leaves_everything_in_the_one_file(path):
    subprocess.run(script("db.update({n: n for n in range(1000)})", path), check=True, timeout=60)
    assert [file.name for file in path.parent.iterdir()] == ["guests.db"]
    assert len(opened(path)) == 1000


def test_all_paths_of_one_file_are_the_same_database(path, monkeypatch):
    db = opened(path)
    link = path.with_name("link.db")
    link.symlink_to(path)
    monkeypatch.chdir(path.parent)
    monkeypatch.setenv("HOME", str(path.parent))
    for name in (str(path), "guests.db", "./guests.db", "../" + path.parent.name + "/guests.db", link, "~/guests.db"):
        assert opened(name) == db
    db["a"] = 1
    assert opened("guests.db")["a"] == 1


@pytest.mark.parametrize("name", ["odd ?#%41 name.db", "🍃.db", "-wal", "mode=memory", "'quoted'"])
def test_any_file_name_is_accepted(tmp_path, name):
    db = opened(tmp_path / name)
    db["a"] = 1
    assert dict(db) == {"a": 1}
    closed(db)
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_the_same_path_opened_by_many_threads_at_once_is_one_database(path):
    with ThreadPoolExecutor(8) as pool:
        handles = set(pool.map(lambda number: opened(path), range(8)))
    assert len(handles) == 1


def test_a_copy_of_an_open_file_is_another_database(path):
    db = opened(path)
    db["a"] = 1
    closed(db)
    copy = shutil.copy(path, path.with_name("copy.db"))
    original, other = opened(path), opened(copy)
    assert original == db
    assert other != db
    other["a"] = 2
    assert (original["a"], other["a"]) == (1, 2)
    closed(other)
    assert opened(copy) == other


def test_two_programs_share_a_file(path):
    db = opened(path, initial_state={"n": 0})
    body = """
print('ready', db['n'], flush=True)
for line in sys.stdin:
    db['n'] = db['n'] + 1
    print('n', db['n'], flush=True)
"""
    with subprocess.Popen(
        script(body, path), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as child:
        assert child.stdout.readline() == "ready 0\n"
        for n in range(1, 20, 2):
            child.stdin.write("go\n")
            assert child.stdout.readline() == f"n {n}\n"
            assert db["n"] == n
            db["n"] = n + 1


def test_programs_that_create_and_write_the_same_file_at_once_all_succeed(path):
    body = "for n in range(200): db[sys.argv[2], n] = n"
    children = [
        subprocess.Popen(script(body, path, number), stderr=subprocess.PIPE, text=True, env=environment())
        for number in range(4)
    ]
    for child in children:
        _, errors = child.communicate(timeout=60)
        assert (child.returncode, errors) == (0, "")
    assert len(opened(path)) == 800


def test_a_program_that_locks_the_file_is_waited_for_and_then_named_in_the_error(path, monkeypatch):
    monkeypatch.setattr("zefnb.store.file._BUSY_SECONDS", 0.2)
    db = opened(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageFailed, match=r"guests\.db is locked by another program"):
        db["a"] = 1
    with pytest.raises(StorageFailed, match="is locked by another program"):
        FX.UpdateDB(db=db, insert={"a": 1}) | run
    assert "a" not in db
    other.execute("ROLLBACK")
    other.close()
    db["a"] = 2
    assert db["a"] == 2


def test_waiting_for_the_disk_does_not_stop_the_loop(path, monkeypatch):
    db = opened(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    writer = threading.Thread(target=lambda: FX.UpdateDB(db=db, insert={"a": 1}) | run)
    writer.start()
    for _ in range(20):
        FX.Publish(target=ET.Topic("t"), content=1) | run
        assert FX.ListTimers() | run == []
        assert FX.QueryDB(db=db, query=len) | run == 0
    assert writer.is_alive()
    other.execute("ROLLBACK")
    other.close()
    writer.join()
    assert db["a"] == 1
