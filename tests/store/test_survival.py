"""Acknowledged updates survive `kill -9`."""

from __future__ import annotations

import signal
import subprocess

from tests.store.on_disk import opened, script


def test_every_acknowledged_update_survives_kill_9_during_ten_thousand_updates(path):
    body = """
for n in range(10_000):
    FX.UpdateDB(db=db, insert={n: n}) | run
    print(n, flush=True)
    if n == 6_000:
        sys.stdin.readline()  # so that it does not end before it is killed
"""
    child = subprocess.Popen(script(body, path), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with child:
        for line in child.stdout:
            if int(line) == 3_000:
                child.send_signal(signal.SIGKILL)
                break
        acknowledged = [3_000, *(int(line) for line in child.stdout if line.endswith("\n"))][-1]
    assert child.returncode == -signal.SIGKILL
    assert acknowledged < 9_999
    kept = list(opened(path))
    assert kept[: acknowledged + 1] == list(range(acknowledged + 1))
    assert len(kept) - len(range(acknowledged + 1)) in (0, 1)


def test_many_threads_that_are_killed_lose_no_acknowledged_update(path):
    body = """
import os, threading
def work(thread):
    for n in range(100_000):
        db[thread, n] = n
        os.write(1, f'{thread} {n}\\n'.encode())
for thread in range(8):
    threading.Thread(target=work, args=(thread,)).start()
"""
    child = subprocess.Popen(script(body, path), stdout=subprocess.PIPE, text=True)
    acknowledged = []
    with child:
        for line in child.stdout:
            acknowledged += [tuple(map(int, line.split()))] if line.endswith("\n") else []
            if len(acknowledged) == 2_000:
                child.kill()
    kept = set(opened(path))
    assert kept.issuperset(acknowledged)
    for thread in range(8):
        numbers = sorted(n for owner, n in kept if owner == thread)
        assert numbers == list(range(len(numbers)))


def test_an_update_is_complete_or_absent_after_kill_9(path):
    body = """
for n in range(10_000):
    FX.UpdateDB(db=db, insert={f'{name} {n}': n for name in 'abcde'}) | run
    print(n, flush=True)
"""
    child = subprocess.Popen(script(body, path), stdout=subprocess.PIPE, text=True)
    with child:
        for line in child.stdout:
            if int(line) == 500:
                child.kill()
                break
    numbers = list(opened(path).values())
    assert len(numbers) % 5 == 0
    assert len(numbers) >= 5 * 501
    assert numbers == [n for n in range(len(numbers) // 5) for _ in range(5)]
