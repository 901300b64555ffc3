"""The blocks of the specification, unchanged, in a process that has joined a cluster, which shares all plain names."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.conftest import wait_until
from tests.spec import cases, sessions, test_page, test_recordings, test_websockets
from tests.spec.chapters import Chapter
from zefnb.cluster.private_broker import _is_locked

# At least so many messages of these blocks go through the log; the others use only topics of one process.
THROUGH_THE_LOG = {
    "a chatroom": 101,
    "a one-way feed": 1,
    "binary frames": 3,
    "chat with user names": 3,
    "late joiners": 61,
    "a conversation in JSON": 2,
    "other ways in and out": 3,
    "recordings": 30,
    "replays": 10,
}


def all_cells() -> dict[str, list[str]]:
    """The cells of the blocks of the chapters on WebSockets, pages and recordings."""
    imported = "from zefnb import *"
    found = {case.name: [imported, *test_websockets.cells_of(case)] for case in cases.CASES}
    found |= {name: test_page.cells_of(name) for name in test_page.CASES}
    return found | {"recordings": test_recordings.recording_cells(), "replays": test_recordings.replay_cells()}


@pytest.mark.on_one_python
def test_the_blocks_run_unchanged_in_a_process_that_has_joined(port_8000, tmp_path):
    for chapter in ("websockets.md", "page.md", "record-replay.md"):
        Chapter(chapter).require()
    directory = tempfile.mkdtemp(prefix="zj-")  # the path of a Unix socket is short
    (tmp_path / "cells.json").write_text(json.dumps(cells := all_cells()))
    try:
        done = subprocess.run(
            [sys.executable, "-m", "tests.spec.joined", str(tmp_path / "cells.json")],
            env=sessions.environment(XDG_RUNTIME_DIR=directory),
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=110,
            check=False,
        )
    finally:
        wait_until(lambda: not _is_locked(Path(directory) / f"zefnb-{os.getuid()}" / "zefnb" / "keeper.lock"))
        shutil.rmtree(directory)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("and it holds") == len(cells), done.stdout
    assert "Traceback" not in done.stdout, done.stdout
    counts = json.loads(done.stdout.splitlines()[-1])
    assert {name: counts[name] for name, least in THROUGH_THE_LOG.items() if counts[name] < least} == {}
