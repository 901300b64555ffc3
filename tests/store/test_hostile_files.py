"""Files from elsewhere are refused at once, by name, and have nothing done to them or to others."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing, nullcontext
from typing import Any

import pytest

from tests.store.hostile import FILES, KINDS, SPECIAL, VALUES, endless, executed, make_special, stored
from tests.store.on_disk import closed, opened
from zefnb import FX, run
from zefnb.core.codec.codec import encode
from zefnb.errors import NotRunning, StorageFailed


@pytest.fixture
def theirs(path):
    closed(opened(path, initial_state={"good": 1, "evil": 2, **{f"n{n}": "x" * 100 for n in range(20)}}))
    return path


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_a_hostile_value_is_refused_with_its_file_and_key(theirs, value):
    stored(theirs, value)
    db = opened(theirs)
    assert db["good"] == 1
    for read in (lambda: db["evil"], lambda: dict(db), lambda: FX.QueryDB(db=db, get="evil") | run):
        with pytest.raises(StorageFailed, match=r"guests\.db: the value of 'evil' cannot be read: its? ") as caught:
            read()
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 500


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_a_hostile_key_is_refused_with_its_file(theirs, value):
    stored(theirs, value, "name")
    db = opened(theirs)
    with pytest.raises(StorageFailed, match=r"guests\.db: a key cannot be read: its? "):
        list(db)
    assert db["good"] == 1


@pytest.mark.parametrize("value", KINDS.values(), ids=KINDS)
def test_a_column_of_another_kind_is_refused(theirs, value):
    stored(theirs, value)
    db = opened(theirs)
    for read in (lambda: db["evil"], lambda: dict(db)):
        with pytest.raises(StorageFailed, match=r"guests\.db"):
            read()
    if value is not None:
        stored(theirs, value, "name")
        for read in (lambda: list(db), lambda: dict(db)):
            with pytest.raises(StorageFailed, match=r"guests\.db"):
                read()


@pytest.mark.parametrize("change", FILES.values(), ids=FILES)
def test_a_file_with_anything_else_in_it_is_refused(theirs, change):
    change(theirs)
    before = theirs.read_bytes()
    with pytest.raises(StorageFailed, match=r"guests\.db"):
        opened(theirs)
    assert theirs.read_bytes() == before


def test_a_table_without_end_is_refused_when_it_is_read(theirs):
    endless(theirs)
    db = opened(theirs)
    assert len(db) == 22
    for read in (lambda: list(db), lambda: dict(db)):
        with pytest.raises(StorageFailed, match=r"guests\.db"):
            read()


NO_KEYS = {
    "a list": b"\x80\x05].",
    "a dict in a tuple": b"\x80\x05}\x85.",
    "nan": b"\x80\x05G\x7f\xf8" + b"\0" * 6 + b".",
}


@pytest.mark.parametrize("name", [*NO_KEYS.values(), encode("good")], ids=[*NO_KEYS, "another row's"])
def test_a_row_with_an_invalid_key_or_that_of_another_row_is_refused(theirs, name):
    stored(theirs, name, "name")
    db = opened(theirs)
    assert db["good"] == 1
    for read in (lambda: list(db), lambda: dict(db), lambda: db["evil"]):
        with pytest.raises(
            StorageFailed, match="a key cannot be read: it is not a key, or it is the key of another row"
        ):
            read()


@pytest.mark.parametrize("key", ["sevil", 5], ids=["text", "a number"])
def test_a_key_of_another_kind_is_refused_and_not_overlooked(theirs, key):
    stored(theirs, key, "key")
    db = opened(theirs)
    for read in (lambda: list(db), lambda: dict(db)):
        with pytest.raises(StorageFailed, match="a key cannot be read"):
            read()


def with_a_lying_index(path) -> Any:
    """The file opened, after its index has been made to call `good` by the name of `food`, which is no row's."""
    executed("PRAGMA journal_mode = DELETE")(path)
    raw = path.read_bytes()
    # Each key is twice in the file: in its row, beside its name, and in the index.
    at = [found for found in range(len(raw)) if raw.startswith(b"sgood", found)]
    (index,) = [place for place in at if b"good" not in raw[place + 5 : place + 40].split(b".")[0]]
    path.write_bytes(raw[:index] + b"sfood" + raw[index + 5 :])
    return opened(path)


def test_an_index_that_leads_to_another_row_is_detected(theirs):
    with pytest.raises(StorageFailed, match="the key of another row"):
        with_a_lying_index(theirs)["food"]


@pytest.mark.parametrize(
    "write",
    [
        lambda db: db.__setitem__("food", 2),
        lambda db: db.__delitem__("food"),
        lambda db: db.update(other=1, food=2),
        lambda db: db.setdefault("food", 2),
        lambda db: db.pop("food"),
        lambda db: FX.UpdateDB(db=db, insert={"other": 1, "food": 2}) | run,
        lambda db: FX.UpdateDB(db=db, update={"food": 2}) | run,
        lambda db: FX.UpdateDB(db=db, remove=["food"]) | run,
    ],
)
def test_through_an_index_that_leads_to_another_row_nothing_is_written(theirs, write):
    db = with_a_lying_index(theirs)
    before = dict(db.items())
    with pytest.raises(StorageFailed, match="another row"):
        write(db)
    assert dict(db.items()) == before
    db["new"] = 1
    assert dict(db.items()) == {**before, "new": 1}


def test_a_key_that_its_index_has_lost_is_not_there_twice_unnoticed(theirs):
    db = with_a_lying_index(theirs)
    db["good"] = 2
    for read in (list, dict, lambda db: db.items().__iter__().__next__()):
        with pytest.raises(StorageFailed, match="it is in two rows"):
            read(db)


def truncated(path) -> None:
    path.write_bytes(b"")


def overwritten(path) -> None:
    with open(path, "r+b") as file:
        file.write(b"\xff" * path.stat().st_size)


def emptied(path) -> None:
    executed("DROP TABLE entries")(path)


def changed(path) -> None:
    executed("CREATE TRIGGER t AFTER UPDATE ON entries BEGIN DELETE FROM entries; END")(path)


@pytest.mark.parametrize("harm", [truncated, overwritten, emptied], ids=lambda harm: harm.__name__)
def test_a_file_that_is_harmed_while_it_is_open_is_refused_in_words(path, harm):
    closed(opened(path, initial_state={str(number): "x" * 1_000 for number in range(100)}))
    db = opened(path)
    harm(path)
    reads = (lambda: list(db), lambda: db["1"], lambda: len(db))
    writes = (lambda: db.__setitem__("1", 2), lambda: db.update(a=1, b=2))
    for use in (*writes, *reads):
        with pytest.raises(StorageFailed, match=re.escape(str(path))):
            use()


def test_a_trigger_that_is_put_into_an_open_file_never_runs(path):
    closed(opened(path, initial_state={str(number): "x" * 1_000 for number in range(100)}))
    db = opened(path)
    changed(path)
    # Since Python 3.12 SQLite is told to run no triggers, and the write succeeds; before, the file is refused.
    with nullcontext() if sys.version_info >= (3, 12) else pytest.raises(StorageFailed, match=re.escape(str(path))):
        db["1"] = 2
    assert len(db) == 100


@pytest.mark.parametrize("take", [lambda db: db.pop("evil"), lambda db: db.pop("evil", 5)])
def test_reading_a_refused_value_does_not_remove_it(theirs, take):
    stored(theirs, b"hello")
    db = opened(theirs)
    with pytest.raises(StorageFailed, match="the value of 'evil' cannot be read"):
        take(db)
    assert "evil" in db
    del db["evil"]
    assert len(db) == 21


def test_popitem_does_not_remove_a_refused_value(path):
    db = opened(path, initial_state={"good": 1, "evil": 2})
    closed(db)
    stored(path, b"hello")
    db = opened(path)
    with pytest.raises(StorageFailed, match="the value of 'evil' cannot be read"):
        db.popitem()
    assert list(db) == ["good", "evil"]


def test_a_file_that_was_replaced_while_it_was_open_is_not_mixed_with_the_new_one(theirs, tmp_path):
    other = tmp_path / "other.db"
    closed(opened(other, initial_state={"other": 1}))
    db = opened(theirs)
    db["new"] = 1
    os.replace(other, theirs)
    for use in (lambda: db["good"], lambda: list(db), lambda: db.update(new=2)):
        with pytest.raises(StorageFailed, match="removed or replaced while it was open; create the database again"):
            use()
    again = opened(theirs)
    assert dict(again) == {"other": 1}
    with pytest.raises(NotRunning):
        db["good"]
    closed(again)
    assert dict(opened(theirs)) == {"other": 1}


@pytest.mark.skipif(os.name == "nt", reason="there are none")
@pytest.mark.parametrize("beside", ["", "-wal", "-journal", "-shm"])
@pytest.mark.parametrize("kind", SPECIAL)
def test_a_path_that_is_not_a_regular_file_is_refused_and_not_read(theirs, kind, beside):
    place = theirs.with_name(theirs.name + beside)
    place.unlink(missing_ok=True)
    make_special(kind, place)
    with pytest.raises(StorageFailed, match="is not a file"):
        opened(theirs)


def test_a_journal_beside_a_file_deletes_no_other_file(theirs):
    diary = theirs.with_name("diary.txt")
    diary.write_text("dear diary")
    name = str(diary).encode()
    record = name + len(name).to_bytes(4, "big") + sum(name).to_bytes(4, "big") + bytes.fromhex("d9d505f920a163d7")
    journal = theirs.with_name(theirs.name + "-journal")
    journal.write_bytes(bytes.fromhex("d9d505f920a163d7") + bytes(504) + record)
    with pytest.raises(StorageFailed, match="would delete another file; move it away"):
        opened(theirs)
    assert diary.read_text() == "dear diary"
    journal.unlink()
    assert opened(theirs)["good"] == 1


def test_reading_all_hostile_values_needs_little_memory(theirs):
    body = """
import resource
from tests.store.hostile import VALUES, stored
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for value in VALUES.values():
    stored(sys.argv[1], value)
    try:
        print('read', db['evil'])
    except OSError:
        pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    from tests.store.on_disk import script

    done = subprocess.run(
        script(body, theirs),
        capture_output=True,
        text=True,
        timeout=60,
        cwd=os.getcwd(),
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 30_000, done.stdout


def test_a_schema_that_is_not_text_is_refused(theirs):
    """Wherever the wrong byte is: SQLite may quote it in an error that is not text either."""
    whole = theirs.read_bytes()
    begin = whole.index(b"CREATE TABLE entries")
    for at in range(begin, begin + 100):
        theirs.write_bytes(whole[:at] + b"\xf8" + whole[at + 1 :])
        with pytest.raises(StorageFailed, match=r"guests\.db .*restore it from a copy") as caught:
            opened(theirs)
        assert str(caught.value).isprintable()


@pytest.mark.parametrize("change", ["name='\x1b]52;c;QQ\x07\nforged', tbl_name=name", "sql='CREATE TABLE \u009b31m'"])
def test_names_in_a_damaged_schema_reach_no_terminal_unescaped(theirs, change):
    with closing(sqlite3.connect(theirs)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(f"UPDATE sqlite_master SET {change}, rootpage = 999 WHERE name = 'identity'")
        connection.commit()
    with pytest.raises(StorageFailed, match="is damaged") as caught:
        opened(theirs)
    assert str(caught.value).isprintable()
