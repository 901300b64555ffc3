"""Forks: parent and child continue with the same file, whatever operation was running."""

from __future__ import annotations

import os
import subprocess
import threading

import pytest

from tests.store.on_disk import opened, script
from zefnb.errors import StorageFailed

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")

STORM = """
import os, signal, threading
forks, written, ends = int(sys.argv[2]), {}, threading.Event()
def write(thread):
    while not ends.is_set():
        db[thread, written.get(thread, 0)] = 'x' * 100
        written[thread] = written.get(thread, 0) + 1
def read():
    while not ends.is_set():
        db.get((0, 0))
threads = [threading.Thread(target=write, args=(n,)) for n in range(3)] + [threading.Thread(target=read)]
for thread in threads:
    thread.start()
children = []
for n in range(forks):
    child = os.fork()
    if not child:
        signal.alarm(60)
        mine = FX.CreateDB(type=DictDatabase, persistence='local_disk', path=sys.argv[1]) | run
        mine['child', n] = n
        os._exit(0 if mine['child', n] == n else 1)
    children.append(child)
    if len(children) == 4:
        print(os.waitpid(children.pop(0), 0)[1])
for child in children:
    print(os.waitpid(child, 0)[1])
ends.set()
for thread in threads:
    thread.join()
print(sorted(written.items()))
"""


def test_children_forked_during_writes_write_to_the_same_file_and_nothing_is_lost(path):
    done = subprocess.run(script(STORM, path, 30), capture_output=True, text=True, timeout=120)
    *statuses, written = done.stdout.splitlines()
    assert statuses == ["0"] * 30
    kept = set(opened(path))
    assert {("child", n) for n in range(30)} <= kept
    for thread, count in eval(written):
        assert {(thread, n) for n in range(count)} <= kept


def in_child(work):
    """Return the result of `work` in a forked child, as text."""
    reads, writes = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.write(writes, str(work()).encode())
        finally:
            os._exit(0)
    os.close(writes)
    with os.fdopen(reads) as said:
        text = said.read()
    os.waitpid(child, 0)
    return text


def test_a_fork_waits_for_a_query_and_the_next_query_for_the_fork(path):
    from zefnb.store.forks import GATE

    db = opened(path, initial_state={"n": 1})
    inside, go_on = threading.Event(), threading.Event()

    def query() -> None:
        with GATE:
            inside.set()
            go_on.wait(20)

    reader = threading.Thread(target=query)
    reader.start()
    inside.wait(20)
    threading.Timer(0.2, go_on.set).start()
    assert in_child(lambda: opened(path)["n"]) == "1"
    assert go_on.is_set()
    reader.join()
    assert db["n"] == 1
    db["n"] = 2
    assert db["n"] == 2


def test_a_child_forked_during_an_endless_query_gets_an_error(path, monkeypatch):
    from zefnb.store.forks import GATE

    monkeypatch.setattr("zefnb.store.forks._WAIT_SECONDS", 0.1)
    db = opened(path, initial_state={"n": 1})

    def attempt() -> str:
        try:
            return opened(path)["n"]
        except StorageFailed as error:
            return str(error)

    with GATE:
        assert "was in use when this process was forked" in in_child(attempt)
    assert db["n"] == 1
    assert in_child(attempt) == "1"
