"""Databases of a server under attack: foreign files, missing keys, forks during writes."""

# ruff: noqa: F403, F405 - the star import and the handlers are written as in the specification

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

from tests.store.hostile import FILES, VALUES, stored
from zefnb import *
from zefnb.errors import StorageFailed, UnknownKey

visitors = FX.CreateDB(type=DictDatabase, initial_state={f"visitor {n}": n for n in range(200)}) | run

_WRITERS = 3


@zef_function
def on_update(content: Any, state: Any) -> Any:
    """Updates keys that the client names."""
    try:
        FX.UpdateDB(db=visitors, update=json.loads(content)) | run
        replied = "updated"
    except UnknownKey:
        replied = "unknown"
    return [[FX.Publish(target=state.out, content=replied)], state]


def _opened(path: Path) -> Any:
    return FX.CreateDB(type=DictDatabase, persistence="local_disk", path=path) | run


def _refusal(path: Path, read: Any) -> tuple[str, float]:
    """Return the error of opening and reading a file, and the processor time that it took."""
    begin = time.process_time()
    try:
        db = _opened(path)
        try:
            read(db)
        finally:
            FX.CloseDB(db=db) | run
    except StorageFailed as error:
        return str(error), time.process_time() - begin
    return "", time.process_time() - begin


def hostile_files(folder: str) -> dict[str, Any]:
    """Open and read a hostile file of each kind; return those that were not refused by name, and the slowest."""
    missed, slowest = [], 0.0
    cases: dict[str, Any] = {f"value: {name}": value for name, value in VALUES.items()} | FILES
    for number, (name, case) in enumerate(cases.items()):
        path = Path(folder) / f"{number}.db"
        db = _opened(path)
        db.update({"good": 1, "evil": 2})
        FX.CloseDB(db=db) | run
        if callable(case):
            case(path)
            wanted = [str(path)]
        else:
            stored(path, case)
            wanted = [str(path), "'evil'"]
        replied, seconds = _refusal(path, lambda db: db["evil"])
        slowest = max(slowest, seconds)
        if not all(word in replied for word in wanted):
            missed.append(f"{name}: {replied}")
    return {"cases": len(cases), "missed": missed, "slowest": slowest}


def fork_amid_writes(path: str, forks: int) -> dict[str, Any]:
    """Write from threads without a pause, and fork; each child opens the same file and writes one key."""
    db, ends = _opened(Path(path)), threading.Event()
    written = dict.fromkeys(range(_WRITERS), 0)

    def write(thread: int) -> None:
        while not ends.is_set():
            db[thread, written[thread]] = "x" * 100
            written[thread] += 1

    threads = [threading.Thread(target=write, args=(thread,)) for thread in written]
    for thread in threads:
        thread.start()
    failed = sum(_fork(path, number) for number in range(forks))
    ends.set()
    for thread in threads:
        thread.join()
    keys = set(db)
    FX.CloseDB(db=db) | run
    lost = sum((thread, n) not in keys for thread, count in written.items() for n in range(count))
    return {
        "failed": failed,
        "missing": sum(("child", number) not in keys for number in range(forks)),
        "written": sum(written.values()),
        "lost": lost,
    }


def _fork(path: str, number: int) -> bool:
    """Return whether a child failed to write its key within half a minute."""
    child = os.fork()
    if not child:
        signal.alarm(30)
        db = _opened(Path(path))
        db["child", number] = number
        os._exit(0)
    return os.waitpid(child, 0)[1] != 0
