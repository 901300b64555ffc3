"""The blocks of the chapter on pages that zefnb has, in a script, in IPython and in a Jupyter kernel.

The chapter lies beside the clone, in `../shared/spec/page.md`, and is not part of it.
"""

from __future__ import annotations

import os
import re

import pytest

from tests.spec import sessions

CHAPTER = sessions.ROOT.parent / "shared" / "spec" / "page.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", CHAPTER.read_text(), re.S | re.M) if CHAPTER.exists() else []
KINDS = {"script": sessions.run_script, "IPython": sessions.run_ipython, "Jupyter": sessions.run_kernel}

PRELUDE = """
from websockets.sync.client import connect
from zefnb import *
room = ET.Topic('room')
"""
LATE_JOINERS = """
server = FX.StartHTTPServer(routes=routes, port=0) | run
url = f'ws://127.0.0.1:{server.port}/ws'
messages = [f'message {number}' for number in range(60)]
with connect(url) as early:
    for message in messages:
        FX.Publish(target=room, content=message) | run
    assert [early.recv(timeout=20) for _ in messages] == messages
    with connect(url) as late:
        early.send('hello')
        assert [late.recv(timeout=20) for _ in range(51)] == [*messages[-50:], 'hello']
FX.StopHTTPServer(server=server) | run
print('and it holds')
"""


@pytest.fixture(autouse=True)
def chapter() -> None:
    if not CHAPTER.exists():
        text = f"LEFT OUT: the chapter is not there, no block of it was run: {CHAPTER}"
        pytest.fail(text) if os.environ.get("CI") == "true" else pytest.skip(text)


@pytest.mark.parametrize("kind", KINDS)
def test_the_block_about_late_joiners_runs_unchanged(kind: str, tmp_path):
    [block] = [block for block in BLOCKS if "history=50" in block]
    printed = KINDS[kind]([PRELUDE, block, LATE_JOINERS], tmp_path)
    assert printed.splitlines()[-1] == "and it holds", printed
    assert "Traceback" not in printed, printed
